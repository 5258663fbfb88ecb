"""Voice activity detection with silero-vad: the model's real job, by ONNX Runtime and NumPy alone."""

import os
import wave
from pathlib import Path

import numpy as np
import onnxruntime

RATE = 16_000
"""Samples a second."""

FRAME = 512
"""Samples that the model looks at: 32 ms."""

CONTEXT = 64
"""Samples of the frame before, which the model is shown again."""

THRESHOLD = 0.5
"""The probability from which on a frame counts as speech; the model's own default."""


def read_wave(path: Path) -> np.ndarray:
    """Return a 16 kHz mono recording as float32 samples between -1 and 1, shape [samples]."""
    with wave.open(str(path)) as recording:
        if (recording.getframerate(), recording.getnchannels(), recording.getsampwidth()) != (RATE, 1, 2):
            raise ValueError(f"{path} is not 16-bit mono at {RATE} Hz")
        frames = recording.readframes(recording.getnframes())
    return np.frombuffer(frames, dtype="<i2").astype(np.float32) / 32768


def speech_probabilities(model: str | os.PathLike[str], samples: np.ndarray) -> np.ndarray:
    """Return the probability of speech for each frame of a recording, shape [frames]."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(os.fspath(model), options, providers=["CPUExecutionProvider"])
    state = np.zeros((2, 1, 128), dtype=np.float32)
    padded = np.concatenate([np.zeros(CONTEXT, dtype=np.float32), samples])
    found = []
    for start in range(0, len(samples) - FRAME + 1, FRAME):
        window = padded[None, start : start + CONTEXT + FRAME]
        output, state = session.run(None, {"input": window, "state": state, "sr": np.array(RATE)})
        found.append(output.item())
    return np.array(found)

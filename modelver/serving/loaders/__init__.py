"""Ready functions for ``load``: from a version's verified files to a model, for the libraries that are installed.

Each returns a function for `Registry.follow`, and for what `Registry.load` gives::

    from modelver.serving import loaders

    session = loaders.onnx()(registry.load("acme/vad@production"))
    follower = registry.follow("acme/vad@production", load=loaders.onnx("vad.onnx", providers=["CPUExecutionProvider"]))

None of them runs code from a file, except `pickled`, which asks for ``allow_unsafe=True`` and scans the file first.
"""

from modelver.serving.loaders.pickles import pickled as pickled
from modelver.serving.loaders.plain import gguf as gguf
from modelver.serving.loaders.plain import onnx as onnx
from modelver.serving.loaders.plain import safetensors as safetensors
from modelver.serving.loaders.plain import skops as skops
from modelver.serving.loaders.plain import torch_tensors as torch_tensors

__all__ = ["gguf", "onnx", "pickled", "safetensors", "skops", "torch_tensors"]

"""A process that serves a real speech detector over HTTP, and follows an alias: what a service looks like, and no more."""

import asyncio
import json
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import uvicorn
from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool

import modelver as mv
from modelver.storage import cached

MODEL = "speech"
FILE = "silero_vad.onnx"
VERSION_HEADER = "x-model-version"


def session(path: str | os.PathLike[str]) -> ort.InferenceSession:
    """Load a model; one request keeps one core busy."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return ort.InferenceSession(os.fspath(path), options, providers=["CPUExecutionProvider"])


def probability(model: ort.InferenceSession, chunk: bytes) -> float:
    """Return how likely 32 ms of sound (512 samples of 16 kHz, float32) are speech; the three releases differ in it."""
    sound = np.concatenate([np.zeros(64, np.float32), np.frombuffer(chunk, "<f4")])
    inputs = {"input": sound[None], "state": np.zeros((2, 1, 128), np.float32), "sr": np.array(16_000)}
    return float(model.run(None, inputs)[0][0, 0])


def check(model: ort.InferenceSession) -> bool:
    """Tell whether it gives a probability; silence is enough to know."""
    return 0.0 <= probability(model, bytes(2048)) <= 1.0


def application(follow: dict[str, Any], opened: dict[str, Any]) -> FastAPI:
    """Return the service."""
    state: dict[str, mv.Follower[ort.InferenceSession]] = {}

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        registry = mv.Registry(**opened)
        with registry.follow(
            f"{MODEL}@production", load=lambda m: session(m / FILE), check=check, **follow
        ) as follower:
            state["follower"] = follower
            yield

    app = FastAPI(lifespan=lifespan)
    app.add_middleware(mv.ASGIVersionHeaders)

    @app.post("/speech")
    async def speech(request: Request) -> dict[str, float]:
        chunk = await request.body()
        async with state["follower"].use() as served:
            answer = await run_in_threadpool(probability, served.model, chunk)
        return {"probability": answer}

    @app.get("/healthz")
    async def healthz() -> dict[str, object]:
        follower = state["follower"]
        failing = follower.failing
        return {
            "version": str(follower.current.version.version),
            "age": follower.age,
            "failing": failing.stage if failing else None,
            "error": failing.error if failing else None,
            "swaps": follower.figures().swaps,
        }

    @app.get("/history")
    async def history() -> list[object]:
        return [change.to_dict() for change in state["follower"].history]

    return app


def main() -> None:
    """Serve on a free port, which is printed, until a signal ends it."""
    told = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    # So that an outage in a test ends as soon as the store is back.
    cached.REST_SECONDS, cached.JUST_NOW = 0.5, 0.2
    # asyncio sends what there is at once only on sockets that say they are TCP; else answers may wait for 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", told["port"]))
    print(listener.getsockname()[1], flush=True)  # noqa: T201 (for the process that started this one)
    app = application(told["follow"], told["opened"])
    config = uvicorn.Config(app, log_level="warning", access_log=False)
    asyncio.run(uvicorn.Server(config).serve(sockets=[listener]))


if __name__ == "__main__":
    main()

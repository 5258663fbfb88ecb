"""Make the golden registry of a format. It is made once, when the format is new, and never again.

Run `python tests/golden/make.py tests/golden/format-N`; a folder that exists is refused.
"""

import json
import sys
import tempfile
import warnings
from pathlib import Path

from onnx import TensorProto, helper, numpy_helper

import modelver as mv


def safetensors(values: list[float]) -> bytes:
    """Return a safetensors file with two tensors, of which one is always the same."""
    import numpy as np
    from safetensors.numpy import save

    return save(
        {"head": np.array(values, dtype=np.float32), "body": np.arange(6, dtype=np.int64).reshape(2, 3)}
    )


def onnx(values: list[float]) -> bytes:
    """Return an ONNX model that adds a constant."""
    import numpy as np

    added = numpy_helper.from_array(np.array(values, dtype=np.float32), "added")
    shape = [len(values)]
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "added"], ["y"])],
        "adder",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
        [added],
    )
    return helper.make_model(graph, producer_name="", ir_version=8).SerializeToString()


def fill(registry: mv.Registry) -> None:
    """Do everything that writes an event."""
    first = registry.register(
        "acme/Fraud",
        {
            "model.safetensors": safetensors([1, 2]),
            "adder.onnx": onnx([1, 2]),
            "config.json": b'{"threshold": 0.5}',
        },
        prompts={"system": b"You review {payment}."},
        changelog=mv.Changelog("The first.", added=["Everything."], caveats=["None known."]),
        metrics=[mv.Metric("f1", 0.9, dataset="eval", slice="region=EU", count=10, interval=(0.8, 1.0))],
        params={"lr": 3e-4, "layers": [64, 16]},
        data=[mv.Dataset("train", digest=f"sha256:{'a' * 64}", split="train", rows=10)],
        metadata=mv.Metadata(
            intended_use=["card payments"],
            limitations=["not for loans"],
            license="apache-2.0",
            external_facing=False,
        ),
        code=mv.Code("https://example.org/fraud", "0" * 40, "main", dirty=False),
        base=mv.BaseModel("elsewhere/base"),
        tags={"team": "risk"},
        run="https://ci.example.org/1",
        aliases=["staging"],
        capture=False,
        commit_id="golden-1",
    )
    second = registry.register(
        "acme/fraud",
        {"model.safetensors": safetensors([1, 3]), "adder.onnx": onnx([1, 2])},
        metrics={"f1": 0.95},
        capture=False,
    )
    experiment = registry.register(
        "acme/fraud", {"model.safetensors": safetensors([5, 6])}, bump="prerelease", base=first, capture=False
    )
    registry.finalize(experiment)
    registry.set_alias("acme/fraud", "production", first, reason="first release")
    registry.set_alias("acme/fraud", "production", second, reason="better", expected=str(first.version))
    registry.rollback("acme/fraud", "production", reason="f1 dipped")
    registry.set_alias("acme/fraud", "old", first)
    registry.delete_alias("acme/fraud", "old", reason="not needed")
    registry.record_metrics(second, {"f1": 0.7}, dataset="prod-w47")
    registry.annotate(first, "Reviewed.", tags={"reviewed": "yes"})
    registry.yank(second, reason="f1 dipped")
    registry.create_model("support-bot", scheme="gpt4-cx-v{major}.{minor}")
    bot = registry.register("support-bot", {"prompts/system.txt": b"Be kind to {name}."}, capture=False)
    for number in range(70):
        registry.annotate(bot, f"note {number}")


def main() -> None:
    """Make the registry, and write down what must be found in it."""
    target = Path(sys.argv[1])
    if target.exists():
        sys.exit(f"{target} exists: a golden registry is never made again")
    with tempfile.TemporaryDirectory() as cache, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        registry = mv.Registry(target / "registry", cache_dir=cache, actor="golden@example.org", create=True)
        fill(registry)
        expected = {
            "models": registry.models(),
            "versions": {
                model: {version.version: version.digest for version in registry.versions(model)}
                for model in registry.models()
            },
            "production": [
                [f"{entry.at:%Y-%m-%dT%H:%M:%S.%fZ}", entry.action, entry.version]
                for entry in registry.history("acme/fraud", alias="production")
            ],
            "verified": dict(registry.verify().checked),
        }
    (target / "expected.json").write_text(json.dumps(expected, indent=2) + "\n")
    (target / "registry" / "tmp").rmdir()


if __name__ == "__main__":
    main()

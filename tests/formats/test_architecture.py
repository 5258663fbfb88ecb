"""What files tell of a model's architecture."""

from typing import Any

import pytest

from modelver.formats.architecture import derive_architecture
from modelver.values.filemap import FileMap, Tensor
from modelver.values.making import Architecture, Port


def filemap(
    tensors: dict[str, tuple[str, tuple[int, ...]]], kind: str = "safetensors", **more: Any
) -> FileMap:
    """Return a file map with these tensors."""
    found = tuple(Tensor(name, dtype, shape, 0, 0) for name, (dtype, shape) in tensors.items())
    return FileMap(0, (), kind, found, **more)


SHARDS = {
    "model-1.safetensors": filemap(
        {
            "model.embed.weight": ("bfloat16", (100, 8)),
            "model.layers.0.mlp.weight": ("bfloat16", (8, 8)),
            "model.layers.0.norm": ("float32", (8,)),
        }
    ),
    "model-2.safetensors": filemap(
        {
            "model.layers.1.mlp.weight": ("bfloat16", (8, 8)),
            "model.layers.10.mlp.weight": ("bfloat16", (8, 8)),
            "vision.blocks.0.weight": ("bfloat16", (2,)),
        }
    ),
}


def test_tensors_tell_parameters_layers_and_types() -> None:
    """All shards together; of several stacks, the largest counts."""
    found = derive_architecture(SHARDS)
    assert found == Architecture(parameters=1002, layers=3, dtypes=["bfloat16", "float32"])


@pytest.mark.parametrize(
    ("config", "family", "layers"),
    [
        ({"architectures": ["LlamaForCausalLM"], "model_type": "llama"}, "LlamaForCausalLM", 3),
        ({"model_type": "gpt2", "n_layer": 12}, "gpt2", 12),
        ({"_class_name": "UNet2DConditionModel"}, "UNet2DConditionModel", 3),
        ({"architectures": [], "num_hidden_layers": 32}, "", 32),
        ({"text_config": {"num_hidden_layers": 40}}, "", 40),
        ({"architectures": [3], "model_type": {}, "num_hidden_layers": "many"}, "", 3),
        ({"architectures": "Llama", "num_hidden_layers": True, "text_config": 3}, "", 3),
        ({"model_type": "x" * 1000, "n_layer": -1}, "x" * 200, 3),
    ],
)
def test_config_json_tells_family_and_layers(config: dict[str, Any], family: str, layers: int) -> None:
    """What it says of other types than expected is passed over."""
    found = derive_architecture(SHARDS, config)
    assert (found.family, found.layers) == (family, layers)


def test_a_model_in_two_formats_is_counted_once() -> None:
    """The format with the most elements counts."""
    onnx = filemap({"w": ("float32", (10,))}, "onnx", inputs=(Port("x"),), outputs=(Port("y"),))
    found = derive_architecture({**SHARDS, "model.onnx": onnx})
    assert found.parameters == 1002
    assert (found.inputs, found.outputs) == ((Port("x"),), (Port("y"),))
    assert derive_architecture({"a.onnx": onnx, "b.onnx": onnx}).inputs == ()


def test_nothing_is_told_of_plain_bytes() -> None:
    """No tensors: not 0 parameters, but none known."""
    assert derive_architecture({"model.bin": FileMap(7, ())}) == Architecture()
    assert derive_architecture({}, {}) == Architecture()


def test_what_is_stated_wins() -> None:
    """Field by field."""
    stated = Architecture(family="mine", layers=7)
    found = stated.over(derive_architecture(SHARDS, {"model_type": "llama"}))
    assert (found.family, found.layers, found.parameters) == ("mine", 7, 1002)

"""How a model is built, as far as its files tell: the tensors of its weights, ``config.json``, ONNX graphs. Pure."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from modelver.values.canonical import Json
from modelver.values.filemap import FileMap, Tensor
from modelver.values.making import Architecture

# What Hugging Face's configurations call it (huggingface/transformers, PretrainedConfig.attribute_map of its models).
_LAYERS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers", "num_encoder_layers")
_BLOCK = re.compile(r"(?:^|[./])(layers?|h|blocks?)[./](\d{1,6})(?=[./])")
_MAX_FAMILY = 200


def derive_architecture(
    maps: Mapping[str, FileMap], config: Mapping[str, Json] | None = None
) -> Architecture:
    """Return what files tell; what they don't is left empty.

    - Family: the first of ``architectures`` in ``config.json``, else its ``model_type`` or ``_class_name``.
    - Parameters: the elements of all tensors in weight files of one format; where a version has the same model in two
      formats, those of the format with the most.
    - Layers: as ``config.json`` says, else the numbers in tensors' names, such as ``model.layers.31.mlp.weight``.
    - Element types: those of these tensors, the one with the most elements first.
    - Inputs and outputs: of the ONNX graph, where there is just one.

    Args:
        maps: File maps of weight files, by path.
        config: What is in ``config.json``.
    """
    tensors = _tensors(maps.values())
    counts: Counter[str] = Counter()
    for tensor in tensors:
        counts[tensor.dtype] += tensor.elements
    graphs = [each for each in maps.values() if each.inputs or each.outputs]
    only = graphs[0] if len(graphs) == 1 else None
    told = config or {}
    return Architecture(
        family=_family(told),
        parameters=sum(counts.values()) if tensors else None,
        layers=_layers(told) or _blocks(tensors),
        dtypes=tuple(dtype for dtype, _ in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))),
        inputs=only.inputs if only else (),
        outputs=only.outputs if only else (),
    )


def _tensors(maps: Iterable[FileMap]) -> list[Tensor]:
    """Return the tensors of the format that has the most elements."""
    formats: defaultdict[str, list[Tensor]] = defaultdict(list)
    for each in maps:
        if each.format:
            formats[each.format] += each.tensors
    return max(formats.values(), key=lambda found: sum(each.elements for each in found), default=[])


def _family(config: Mapping[str, Json]) -> str:
    named = config.get("architectures")
    first = named[0] if isinstance(named, list) and named else None
    for value in (first, config.get("model_type"), config.get("_class_name")):
        if isinstance(value, str) and value.strip():
            return value[:_MAX_FAMILY]
    return ""


def _layers(config: Mapping[str, Json]) -> int | None:
    inner = config.get("text_config")  # of models that take more than text
    for each in (config, inner if isinstance(inner, Mapping) else {}):
        for key in _LAYERS:
            value = each.get(key)
            if isinstance(value, int) and not isinstance(value, bool) and value > 0:
                return value
    return None


def _blocks(tensors: Iterable[Tensor]) -> int | None:
    """Count the blocks that tensors' names number; of several stacks, those of the largest."""
    stacks: defaultdict[str, set[str]] = defaultdict(set)
    for tensor in tensors:
        if found := _BLOCK.search(tensor.name):
            stacks[tensor.name[: found.start(2)]].add(found[2])
    return max(map(len, stacks.values()), default=0) or None

"""A folder that vLLM serves: what Hugging Face's tools write, with nothing above it.

The rules are those of vLLM's loader (vllm-project/vllm, ``model_executor/model_loader/default_loader.py`` and
``weight_utils.py``) and of its page "LoRA Adapters": a local model is a folder with ``config.json`` (Mistral's own form:
``params.json``), the tokenizer's files, and ``*.safetensors`` right in it; where ``model.safetensors.index.json`` is
there, exactly the files that it names are read. An adapter is a folder with ``adapter_config.json`` and its weights.

vLLM would take ``*.bin`` and ``*.pt`` too, which are pickles: these are refused. A GGUF file is served by its own path,
not as a folder; use the plain layout for it.
"""

import json
import re
from collections.abc import Iterable, Mapping
from itertools import islice

from modelver.errors import InvalidValue, NotFound
from modelver.serving.layouts import Contents, Kind, Layout, below, folder_of, name_of, placed
from modelver.values.file import FileEntry

INDEX = "model.safetensors.index.json"
_MISTRAL_INDEX = "consolidated.safetensors.index.json"
_CONFIGS = ("config.json", "params.json", "adapter_config.json")
_ADAPTER = "adapter_model.safetensors"
_TOKENIZERS = re.compile(
    r"tokenizer\.json|tokenizer\.model(\.v\d+)?|tokenizer\.mm\.model.*|tekken\.json|vocab\.json|vocab\.txt|spiece\.model"
    r"|sentencepiece\.bpe\.model|.+\.tiktoken|tokenization_.+\.py"
)
_SHARD = re.compile(r"(.+)-([0-9]{5})-of-([0-9]{5})\.safetensors")
_ENOUGH = 5
"""Names that a message has at most."""


def vllm(contents: Contents) -> Layout:
    """Return the layout of a model or an adapter.

    Raises:
        NotFound: A file that vLLM needs is missing.
        InvalidValue: There are several models in the version, or its weights are pickles.
    """
    folder = _folder(contents)
    files = below(folder, contents.files)
    if "config.json" not in files and "params.json" not in files:
        _check_adapter(contents, files)
    else:
        _check_weights(contents, folder, files)
        if not any(_TOKENIZERS.fullmatch(path) for path in files):
            raise NotFound(
                "the version has no tokenizer, which vLLM needs",
                where=contents.ref,
                expected="tokenizer.json, tokenizer.model or the like beside config.json",
                hint="Register the tokenizer's files with the weights; or take layout='plain' and tell vLLM where one is:"
                " `vllm serve FOLDER --tokenizer OTHER`.",
            )
    return Layout(Kind.VLLM, placed(files))


def _folder(contents: Contents) -> str:
    """Return the folder of the version that holds the model: that of the configuration nearest to the top."""
    found = [folder_of(file.path) for file in contents.files if name_of(file.path) in _CONFIGS]
    if not found:
        raise NotFound(
            "the version has no config.json, which vLLM needs",
            where=contents.ref,
            found=_some((file.path for file in contents.files), len(contents.files)),
            hint="Register the folder that save_pretrained() wrote.",
        )
    depth = min(map(_depth, found))
    nearest = sorted({folder for folder in found if _depth(folder) == depth})
    if len(nearest) > 1:
        raise InvalidValue(
            "the version holds several models",
            where=contents.ref,
            found=_some(nearest, len(nearest)),
            hint="Register each as a model of its own, or take layout='plain' and serve one of its folders.",
        )
    return nearest[0]


def _depth(folder: str) -> int:
    return folder.count("/") + bool(folder)


def _check_adapter(contents: Contents, files: Mapping[str, FileEntry]) -> None:
    if _ADAPTER not in files:
        raise _no_weights(contents, files, f"{_ADAPTER} beside adapter_config.json")


def _check_weights(contents: Contents, folder: str, files: Mapping[str, FileEntry]) -> None:
    right_here = {path for path in files if path.endswith(".safetensors") and "/" not in path}
    named: set[str] = set()
    for index in (INDEX, _MISTRAL_INDEX):
        if index in files:
            named |= _named(contents, f"{folder}/{index}" if folder else index)
    if not (right_here or named & files.keys()):
        raise _no_weights(contents, files, "*.safetensors beside config.json")
    if missing := sorted(named - files.keys()):
        raise _lacks(contents, len(named), missing, len(missing))
    if not named:
        _check_shards(contents, right_here)


def _check_shards(contents: Contents, names: Iterable[str]) -> None:
    """Look for all shards where some are named ``model-00001-of-00003.safetensors``.

    Only the names that are there are held, however many they claim that there must be.
    """
    there: dict[tuple[str, str], set[int]] = {}
    for name in sorted(names):
        if found := _SHARD.fullmatch(name):
            there.setdefault((found[1], found[3]), set()).add(int(found[2]))
    for (start, of), numbers in there.items():
        wanted = range(1, int(of) + 1)
        count = len(wanted) - sum(number in wanted for number in numbers)
        if count:
            missing = (f"{start}-{each:05d}-of-{of}.safetensors" for each in wanted if each not in numbers)
            raise _lacks(contents, len(wanted), missing, count)


def _lacks(contents: Contents, wanted: int, missing: Iterable[str], count: int) -> NotFound:
    return NotFound(
        "shards of the weights are missing",
        where=contents.ref,
        expected=f"{wanted} files",
        found=f"all but {_some(missing, count)}",
        hint="Register the whole folder that save_pretrained() wrote.",
    )


def _no_weights(contents: Contents, files: Mapping[str, FileEntry], expected: str) -> NotFound | InvalidValue:
    pickles = [path for path in files if path.endswith((".bin", ".pt", ".pth"))]
    if pickles:
        return InvalidValue(
            "the weights are pickles, which can run code when they are loaded",
            where=contents.ref,
            expected=expected,
            found=_some(pickles, len(pickles)),
            hint="Save them with safe_serialization=True, and register that.",
        )
    hint = "Register the weights as safetensors."
    if any(path.endswith(".gguf") for path in files):
        hint = "vLLM serves a GGUF file by its own path: take layout='plain'."
    return NotFound(
        "the version has no weights that vLLM reads", where=contents.ref, expected=expected, hint=hint
    )


def _named(contents: Contents, path: str) -> set[str]:
    """Return the files that an index names (huggingface/transformers: ``weight_map``, tensor to file)."""
    try:
        found = json.loads(contents.texts[path])["weight_map"]
        return {str(name) for name in found.values()}
    except (KeyError, ValueError, RecursionError, TypeError, AttributeError):
        raise InvalidValue(
            "not an index of weights",
            where=f"{contents.ref}/{path}",
            expected='a JSON object with "weight_map", at most 16 MiB',
        ) from None


def _some(names: Iterable[str], count: int) -> str:
    """Return the first names of so many, and how many more there are."""
    found = list(islice(names, _ENOUGH))
    return ", ".join(found) + (f" and {count - _ENOUGH} more" if count > _ENOUGH else "")

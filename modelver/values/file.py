"""Files of a version: what each is for, and how its path tells that."""

from collections.abc import Mapping
from enum import StrEnum

import attrs

from modelver.errors import InvalidValue
from modelver.values.canonical import Json
from modelver.values.digest import Digest
from modelver.values.path import version_path

DEFAULT_MEDIA_TYPE = "application/octet-stream"
_PROMPTS = "prompts"


class Role(StrEnum):
    """What a file of a version is for."""

    WEIGHTS = "weights"
    CONFIG = "config"
    PROMPT = "prompt"
    TOKENIZER = "tokenizer"
    CODE = "code"
    DATA = "data"
    DOC = "doc"
    OTHER = "other"


def _check_size(_: object, attribute: "attrs.Attribute[int]", value: int) -> None:
    if value < 0:
        raise InvalidValue("must not be negative", where=attribute.name, found=value)


def _check_sha256(_: object, attribute: "attrs.Attribute[str]", value: str) -> None:  # noqa: ARG001 (attrs passes it)
    Digest.from_hex(value)


@attrs.frozen
class FileEntry:
    """One file of a version.

    Attributes:
        path: Where it is in the version; portable, see `modelver.values.path.version_path`.
        size: Bytes.
        sha256: 64 hexadecimal digits, as `sha256sum` prints them; the name of its blob.
        role: What it is for.
        media_type: IANA media type; ``application/octet-stream`` where the path tells none.
        unknown: Fields that a newer release wrote; kept as they are.
    """

    path: str = attrs.field(converter=version_path)
    size: int = attrs.field(validator=_check_size)
    sha256: str = attrs.field(validator=_check_sha256)
    role: Role = Role.OTHER
    media_type: str = DEFAULT_MEDIA_TYPE
    unknown: Mapping[str, Json] = attrs.field(factory=dict, kw_only=True, repr=False, hash=False)


_ROLES_BY_NAME = {
    **dict.fromkeys(
        "tokenizer.json tokenizer_config.json tokenizer.model special_tokens_map.json added_tokens.json vocab.txt "
        "vocab.json merges.txt spiece.model sentencepiece.bpe.model".split(),
        Role.TOKENIZER,
    ),
    **dict.fromkeys("license notice readme license.txt notice.txt readme.txt".split(), Role.DOC),
}
_ROLES_BY_SUFFIX = {
    **dict.fromkeys(
        "safetensors onnx gguf ggml pt pth bin ckpt h5 hdf5 keras tflite pb joblib pkl pickle npz npy msgpack ubj jit "
        "mlmodel engine plan pdparams pdmodel".split(),
        Role.WEIGHTS,
    ),
    **dict.fromkeys("json yaml yml toml ini pbtxt".split(), Role.CONFIG),
    **dict.fromkeys("csv tsv parquet arrow feather jsonl ndjson avro tfrecord".split(), Role.DATA),
    **dict.fromkeys("md rst pdf".split(), Role.DOC),
    **dict.fromkeys("py ipynb sh".split(), Role.CODE),
}
_MEDIA_TYPES = {
    "json": "application/json",
    "md": "text/markdown",
    "txt": "text/plain",
    "yaml": "application/yaml",
    "yml": "application/yaml",
    "toml": "application/toml",
    "csv": "text/csv",
    "py": "text/x-python",
}


def role_of(path: str) -> Role:
    """Tell a file's role from its path (docs/format.md, "Roles")."""
    *folders, name = path.lower().split("/")
    if _PROMPTS in folders or ".prompt" in name:
        return Role.PROMPT
    return _ROLES_BY_NAME.get(name) or _ROLES_BY_SUFFIX.get(_suffix(name), Role.OTHER)


def media_type_of(path: str) -> str:
    """Tell a file's media type from its suffix, by a table of our own: the platform's differs between machines."""
    return _MEDIA_TYPES.get(_suffix(path.lower().rpartition("/")[2]), DEFAULT_MEDIA_TYPE)


def _suffix(name: str) -> str:
    """Return what follows a name's last dot, or nothing where there is none."""
    _, dot, suffix = name.rpartition(".")
    return suffix if dot else ""


def prompt_name(path: str) -> str:
    """Return the name of a prompt file: ``prompts/system.txt`` and ``system.prompt.md`` are both ``system``."""
    *folders, name = path.split("/")
    for index, folder in reversed(list(enumerate(folders))):
        if folder.lower() == _PROMPTS:
            folders = folders[index + 1 :]
            break
    return "/".join([*folders, name.lstrip(".").partition(".")[0]])

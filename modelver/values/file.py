"""Files of a version: what each is for, and how its path tells that."""

from enum import StrEnum

import attrs

from modelver.values.path import version_path

DEFAULT_MEDIA_TYPE = "application/octet-stream"


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


@attrs.frozen
class FileEntry:
    """One file of a version.

    Attributes:
        path: Where it is in the version; portable, see `modelver.values.path.version_path`.
        size: Bytes.
        sha256: 64 hexadecimal digits, as `sha256sum` prints them; the name of its blob.
        role: What it is for.
        media_type: IANA media type; ``application/octet-stream`` where the path tells none.
    """

    path: str = attrs.field(converter=version_path)
    size: int
    sha256: str = attrs.field(validator=attrs.validators.matches_re(r"[0-9a-f]{64}"))
    role: Role = Role.OTHER
    media_type: str = DEFAULT_MEDIA_TYPE


_WEIGHTS = frozenset(
    "safetensors onnx gguf ggml pt pth bin ckpt h5 hdf5 keras tflite pb joblib pkl pickle npz npy msgpack ubj jit "
    "mlmodel engine plan pdparams pdmodel".split()
)
_TOKENIZER = frozenset(
    "tokenizer.json tokenizer_config.json tokenizer.model special_tokens_map.json added_tokens.json vocab.txt "
    "vocab.json merges.txt spiece.model sentencepiece.bpe.model".split()
)
_DOCS = frozenset({"md", "rst", "pdf"})
_DOC_NAMES = frozenset({"license", "notice", "readme", "license.txt", "notice.txt", "readme.txt"})
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
    folders, _, name = path.lower().rpartition("/")
    suffix = name.rpartition(".")[2]
    if "prompts" in folders.split("/") or ".prompt" in name:
        return Role.PROMPT
    if name in _TOKENIZER:
        return Role.TOKENIZER
    if name in _DOC_NAMES or suffix in _DOCS:
        return Role.DOC
    if suffix in _WEIGHTS:
        return Role.WEIGHTS
    if suffix in {"json", "yaml", "yml", "toml", "ini", "pbtxt"}:
        return Role.CONFIG
    return Role.CODE if suffix == "py" else Role.OTHER


def media_type_of(path: str) -> str:
    """Tell a file's media type from its suffix, by a table of our own: the platform's differs between machines."""
    return _MEDIA_TYPES.get(path.lower().rpartition(".")[2], DEFAULT_MEDIA_TYPE)


def prompt_name(path: str) -> str:
    """Return the name of a prompt file: ``prompts/system.txt`` and ``system.prompt.md`` are both ``system``."""
    inside = path.rpartition("prompts/")[2] or path
    folders, slash, name = inside.rpartition("/")
    return f"{folders}{slash}{name.lstrip('.').partition('.')[0]}"

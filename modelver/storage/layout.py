"""Where each object of a registry is: digests, names and numbers to keys (docs/format.md)."""

from modelver.values.digest import Digest

REGISTRY_FILE = "modelver.json"
BLOBS = "blobs/sha256"
MODELS = "models"
REGISTRY_LOG = "registry/log"
_HEX = frozenset("0123456789abcdef")


def blob_key(digest: Digest) -> str:
    """Return the key of a blob: `blobs/sha256/ab/<64 hex>`."""
    return f"{BLOBS}/{digest.hex[:2]}/{digest.hex}"


def model_prefix(folder: str) -> str:
    """Return the folder of a model: `models/acme--fraud`."""
    return f"{MODELS}/{folder}"


def numbered_key(prefix: str, number: int) -> str:
    """Return the key of a log's entry or checkpoint: `<prefix>/<20 digits>.json`."""
    return f"{prefix}/{number:020d}.json"


def sha256_in(key: str) -> str | None:
    """Return the digest that a blob's key ends with, if it does."""
    name = key.rpartition("/")[2]
    return name if len(name) == 64 and set(name) <= _HEX else None  # noqa: PLR2004 (hex digits of SHA-256)


def number_of(key: str) -> int | None:
    """Return the number in a key that `numbered_key` made, or None where the key is another file's."""
    stem, dot, suffix = key.rpartition("/")[2].partition(".")
    if dot and suffix == "json" and len(stem) == 20 and stem.isascii() and stem.isdigit():  # noqa: PLR2004 (the format)
        return int(stem)
    return None

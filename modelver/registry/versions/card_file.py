"""The model card in what is registered: what it states completes what the caller states."""

import tempfile
from collections.abc import Container, Iterable
from pathlib import Path

from modelver.content.sources import Source
from modelver.errors import ModelverError
from modelver.storage.layout import blob_key
from modelver.storage.remote_source import RemoteFile
from modelver.storage.store import Store
from modelver.values.digest import Digest
from modelver.values.manifest import Manifest
from modelver.values.record import Metadata

MAX_CARD = 2**20
"""Bytes of a card that are read."""

CARDS = ("readme.md", "model_card.md", "modelcard.md")
"""Names of a card, at the top of a version, in lower case; the first that there is counts."""


def with_card(stated: Metadata, sources: Iterable[Source]) -> Metadata:
    """Return metadata, completed by a card among the files; see `metadata_from_card`.

    What can't be read states nothing: that a file is missing or unreadable is found, and told, when it is stored.

    Args:
        stated: What the caller states, which wins.
        sources: The files of the version.
    """
    cards = {source.path.lower(): source for source in sources if source.path.lower() in CARDS}
    card = next((cards[name] for name in CARDS if name in cards), None)
    text = _text(card) if card else ""
    if not text:
        return stated
    from modelver.publish.read_card import metadata_from_card

    return metadata_from_card(text, stated)


def stored_cards(store: Store, manifest: Manifest, without: Container[str]) -> tuple[Source, ...]:
    """Return the cards of a version as sources.

    Args:
        store: Where its files are.
        manifest: The version's.
        without: Paths to leave out.

    Raises:
        NotFound: A card's blob is missing.
    """
    return tuple(
        Source(file.path, store.read_range(blob_key(Digest.from_hex(file.sha256)), 0, MAX_CARD), file.role)
        for file in manifest.files
        if file.path.lower() in CARDS and file.path not in without and file.size
    )


def _text(source: Source) -> str:
    try:
        data = _start(source.origin)
    except (OSError, ModelverError):
        return ""
    return data.decode(errors="replace")


def _start(origin: Path | RemoteFile | bytes) -> bytes:
    """Return a file's first bytes; nothing of one elsewhere that is too large to be a card."""
    if isinstance(origin, bytes):
        return origin[:MAX_CARD]
    if isinstance(origin, Path):
        with origin.open("rb") as file:
            return file.read(MAX_CARD)
    if origin.size is None or origin.size > MAX_CARD:
        return b""
    with tempfile.TemporaryDirectory(prefix="modelver-") as folder:
        copy = Path(folder, "card")
        origin.download(copy)
        return copy.read_bytes()

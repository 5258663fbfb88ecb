"""What a bundle says of itself: what it is meant to bring, and where its logs end, so that a cut one is noticed."""

import os
from collections.abc import Mapping
from pathlib import Path

import attrs

from modelver.content.places import local_place
from modelver.errors import IntegrityError, InvalidValue, LogTampered, NotFound
from modelver.history.commit import seal, unseal
from modelver.registry.base.session import Session
from modelver.registry.reader import RegistryReader
from modelver.registry.replication.ends import End, Other, open_end
from modelver.registry.replication.pushing import subject
from modelver.storage.bundle import BundleStore
from modelver.values.canonical import Json, decode_object, encode
from modelver.values.name import ModelName
from modelver.values.ref import Ref
from modelver.values.wire import without_format

FORMAT = 1
CONTENTS = "bundle.json"
_MAX_CONTENTS = 64 * 2**20


@attrs.frozen
class Contents:
    """What ``bundle.json`` says.

    Attributes:
        registry: The registry's id.
        holds: Names of models, or references of versions, whose blobs are there.
        whole: Whether it is all that the registry had, its own log too.
        heads: For each log, by the model's folder (empty for the registry's own), its last commit's digest.
    """

    registry: str
    holds: tuple[str, ...]
    whole: bool
    heads: Mapping[str, str]

    @property
    def refs(self) -> tuple[Ref, ...]:
        """The models and versions."""
        return tuple(map(subject, self.holds))

    def to_bytes(self) -> bytes:
        """Return them as they are stored: self-checking."""
        body: dict[str, Json] = {
            "format": FORMAT,
            "registry": self.registry,
            "holds": list(self.holds),
            "whole": self.whole,
            "heads": dict(self.heads),
        }
        return seal(encode(body))

    @classmethod
    def from_bytes(cls, data: bytes, *, what: str) -> "Contents":
        """Read them.

        Raises:
            LogTampered: The bytes do not match their own checksum.
            InvalidValue: They are of another format, or make no sense.
        """
        body = without_format(
            decode_object(unseal(data, what=what), what=what), FORMAT, kind="bundle", what=what
        )
        registry, holds, heads = body.get("registry"), body.get("holds"), body.get("heads")
        if not (isinstance(registry, str) and isinstance(holds, list) and isinstance(heads, Mapping)):
            raise InvalidValue("a bundle does not say what it holds", where=what)
        if not all(isinstance(text, str) for text in (*holds, *heads.values())):
            raise InvalidValue("a bundle does not say what it holds", where=what)
        texts = {folder: str(head) for folder, head in heads.items()}
        return cls(registry, tuple(map(str, holds)), body.get("whole") is True, texts)


def open_bundle(path: Path, session: Session) -> tuple[End, Contents]:
    """Open a bundle, and see that its logs are whole.

    Raises:
        NotFound: There is no such file.
        InvalidValue: It is no bundle.
        IntegrityError: It is damaged, or made to deceive.
        LogTampered: A log in it is, or lacks commits.
    """
    store = BundleStore(path)
    where = f"{store.url}!{CONTENTS}"
    try:
        data = store.get(CONTENTS, limit=_MAX_CONTENTS)
    except NotFound:
        raise InvalidValue(
            "not a bundle", where=store.url, expected=CONTENTS, hint="Was it made by `modelver export`?"
        ) from None
    contents = Contents.from_bytes(data, what=where)
    end = End(session, store)
    if end.known is None or end.known.registry != contents.registry:
        raise IntegrityError(
            "a bundle is damaged, or not of our making: its founding file is missing or another one",
            where=where,
        )
    missing = {ref.model.folder for ref in contents.refs} - set(contents.heads)
    if missing:
        raise InvalidValue("a bundle lacks a log that it speaks of", where=where, found=", ".join(missing))
    for folder, head in contents.heads.items():
        _check_head(end, folder, head)
    return end, contents


def _check_head(end: End, folder: str, head: str) -> None:
    name = ModelName(folder.replace("--", "/")) if folder else None
    log = end.stored_log(name, end.identity)
    state = log.state()
    if state.head != head:
        raise LogTampered(
            "a bundle's log does not end where the bundle says",
            where=f"{end.store.url}!{log.place.log}",
            expected=head[:12],
            found=f"{state.head[:12]}, commit {state.seq}",
            hint="Commits are missing: copy the bundle again, or export it again.",
        )


def open_source(other: Other, session: Session, *, storage_options: Mapping[str, object] | None) -> End:
    """Open what is only to be read: a registry as `open_end` does, or a bundle."""
    if isinstance(other, str | os.PathLike) and not isinstance(other, RegistryReader):
        place = local_place(other)
        if place is not None and place.is_file():
            return open_bundle(place, session)[0]
    return open_end(other, session, storage_options=storage_options)

"""One entry of a log: self-checking bytes, linked to the entry before (docs/format.md, "Commits")."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

import attrs

from modelver.errors import InvalidValue, LimitExceeded, LogTampered
from modelver.history.event import Event, event_from_json, event_to_json
from modelver.values import wire
from modelver.values.canonical import Json, decode_object, encode

FORMAT = 1
MAX_COMMIT = 2**20
"""A commit larger than this many bytes is neither written nor read."""

_PREFIX = b'{"body":'
_MIDDLE = b',"sha256":"'
_SUFFIX = b'"}'
_TAIL = len(_MIDDLE) + 64 + len(_SUFFIX)


@attrs.frozen
class CheckpointDigest:
    """A checkpoint that a commit's writer made and vouches for: readers use no other.

    Attributes:
        seq: The number of the commit whose state it holds, which is earlier than the one that says this.
        sha256: SHA-256 of its stored bytes, in 64 hex digits.
        unknown: Fields that a newer release wrote.
    """

    seq: int
    sha256: str
    unknown: Mapping[str, Json] = attrs.field(factory=dict, kw_only=True, repr=False)


@attrs.frozen
class _Header:
    """A commit without its events: what the wire converts by itself."""

    registry: str
    model: str
    seq: int
    parent: str
    id: str
    at: datetime
    clock: datetime
    by: str
    message: str = ""
    checkpoint: CheckpointDigest | None = None
    unknown: Mapping[str, Json] = attrs.field(factory=dict, kw_only=True, repr=False)


@attrs.frozen
class Commit(_Header):
    """One entry of a log.

    Attributes:
        registry: The registry's id.
        model: The model's folder, or empty in the registry's own log.
        seq: Its number, from 1 without gaps.
        parent: SHA-256 of the previous commit's stored bytes; of ``modelver.json``'s for commit 1. 64 hex digits.
        id: Random, or the caller's ``commit_id``: it tells whose write a stored commit was.
        at: When it took effect: the clock, but always later than the parent.
        clock: The writer's clock as read.
        by: Who wrote it, as they call themselves.
        events: What happened, in order.
        message: Why.
        checkpoint: The checkpoint of an earlier commit, where the writer made one.
        unknown: Fields that a newer release wrote.
    """

    events: tuple[Event, ...] = attrs.field(kw_only=True)


def encode_commit(commit: Commit) -> bytes:
    """Return the bytes to store.

    Raises:
        LimitExceeded: They would be more than a reader accepts.
    """
    header = cast("Mapping[str, Json]", wire.to_json(_Header(**_header_fields(commit))))
    events = [event_to_json(event) for event in commit.events]
    body = {**header, "events": events, "format": FORMAT}
    data = seal(encode(body))
    if len(data) > MAX_COMMIT:
        raise LimitExceeded(
            "a commit is too large",
            expected=f"at most {MAX_COMMIT:,} bytes",
            found=f"{len(data):,}",
            hint="Shorten its texts, or register fewer files.",
        )
    return data


def decode_commit(data: bytes, *, what: str) -> Commit:
    """Check stored bytes and read them.

    Raises:
        LogTampered: The bytes do not match their own checksum.
        InvalidValue: The commit is of another format, or an event is malformed.
    """
    stored = decode_object(unseal(data, what=what), what=what)
    body = wire.without_format(stored, FORMAT, kind="commit", what=what)
    raw_events = body.pop("events", None)
    if not isinstance(raw_events, list):
        raise InvalidValue("a commit without events", where=what)
    events = tuple(event_from_json(event, what=what) for event in raw_events)
    header = wire.from_json(body, _Header, what=what)
    return Commit(**_header_fields(header), events=events)


def _header_fields(header: _Header) -> dict[str, Any]:
    return {field.name: getattr(header, field.name) for field in attrs.fields(_Header)}


def seal(body: bytes) -> bytes:
    """Wrap canonical JSON so that it checks itself: ``{"body":…,"sha256":"…"}``."""
    return _PREFIX + body + _MIDDLE + hashlib.sha256(body).hexdigest().encode() + _SUFFIX


def unseal(data: bytes, *, what: str) -> bytes:
    """Return the body of sealed bytes, checked without parsing: prefix and suffix have fixed lengths.

    Raises:
        LogTampered: The bytes do not match their own checksum.
    """
    body = data[len(_PREFIX) : -_TAIL]
    if data != seal(body):
        raise LogTampered(
            "stored bytes do not match their own checksum",
            where=what,
            expected=hashlib.sha256(body).hexdigest()[:12],
            found=data[-_TAIL:][len(_MIDDLE) : len(_MIDDLE) + 12].decode(errors="replace"),
            hint="Restore this object from a copy of the registry.",
        )
    return body


def commit_digest(data: bytes) -> str:
    """Return what the next commit's ``parent`` must be: the SHA-256 of the stored bytes."""
    return hashlib.sha256(data).hexdigest()


def check_link(commit: Commit, *, registry: str, model: str, seq: int, parent: str, what: str) -> None:
    """Check that a commit stands where its predecessors say.

    Raises:
        LogTampered: It belongs to another log, or to another place, or follows another commit.
    """
    for label, expected, found in (
        ("registry", registry, commit.registry),
        ("model", model, commit.model),
        ("number", seq, commit.seq),
        ("parent", parent, commit.parent),
    ):
        if expected != found:
            raise LogTampered(
                f"a commit names another {label} than its place in the log",
                where=what,
                expected=expected,
                found=found,
                hint="Restore the log from a copy of the registry.",
            )

"""One entry of a log: self-checking bytes, linked to the entry before (docs/format.md, "Commits")."""

import hashlib
from collections.abc import Mapping
from datetime import datetime

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
class Commit:
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
        format: The format's number.
        unknown: Fields that a newer release wrote.
    """

    registry: str
    model: str
    seq: int
    parent: str
    id: str
    at: datetime
    clock: datetime
    by: str
    events: tuple[Event, ...]
    message: str = ""
    format: int = attrs.field(default=FORMAT)
    unknown: Mapping[str, Json] = attrs.field(factory=dict)


def encode_commit(commit: Commit) -> bytes:
    """Return the bytes to store.

    Raises:
        LimitExceeded: They would be more than a reader accepts.
    """
    body = {
        **commit.unknown,
        "format": commit.format,
        "registry": commit.registry,
        "model": commit.model,
        "seq": commit.seq,
        "parent": commit.parent,
        "id": commit.id,
        "at": wire.format_time(commit.at),
        "clock": wire.format_time(commit.clock),
        "by": commit.by,
        "events": [event_to_json(event) for event in commit.events],
        **({"message": commit.message} if commit.message else {}),
    }
    data = seal(encode(body))
    if len(data) > MAX_COMMIT:
        raise LimitExceeded(
            "a commit is too large",
            expected=f"at most {MAX_COMMIT:,} bytes",
            found=f"{len(data):,}",
            hint="Shorten its texts.",
        )
    return data


def decode_commit(data: bytes, *, what: str) -> Commit:
    """Check stored bytes and read them.

    Raises:
        LogTampered: The bytes do not match their own checksum.
        InvalidValue: The commit is of another format, or an event is malformed.
    """
    body = dict(decode_object(unseal(data, what=what), what=what))
    if body.get("format") != FORMAT:
        raise InvalidValue(
            "a commit of another format",
            where=what,
            expected=FORMAT,
            found=body.get("format"),
            hint="Upgrade modelver.",
        )
    raw_events = body.pop("events", None)
    if not isinstance(raw_events, list):
        raise InvalidValue("a commit without events", where=what)
    events = tuple(event_from_json(event, what=what) for event in raw_events)
    header = wire.from_json(body, _Header, what=what)
    return Commit(
        **{field.name: getattr(header, field.name) for field in attrs.fields(_Header)}, events=events
    )


@attrs.frozen
class _Header:
    """A commit without its events, as the wire has it."""

    format: int
    registry: str
    model: str
    seq: int
    parent: str
    id: str
    at: datetime
    clock: datetime
    by: str
    message: str = ""
    unknown: Mapping[str, Json] = attrs.field(factory=dict)


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

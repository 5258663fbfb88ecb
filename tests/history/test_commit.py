"""Commits: bytes that check themselves, each linked to the one before."""

import hashlib
import json
from datetime import UTC, datetime

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelver.errors import InvalidValue, LimitExceeded, LogTampered
from modelver.history.commit import (
    MAX_COMMIT,
    CheckpointDigest,
    Commit,
    check_link,
    commit_digest,
    decode_commit,
    encode_commit,
    seal,
    unseal,
)
from modelver.history.event import ModelCreated, Registered, UnknownEvent
from modelver.values.canonical import encode
from modelver.values.digest import Digest
from modelver.values.name import ModelName
from tests.strategies import commits, unknown_fields

PREFIX = len('{"body":')
TAIL = len(',"sha256":"') + 64 + len('"}')
COMMIT = Commit(
    registry="0" * 32,
    model="fraud",
    seq=1,
    parent="0" * 64,
    id="run-1",
    at=datetime(2026, 11, 17, 15, tzinfo=UTC),
    clock=datetime(2026, 11, 17, 15, tzinfo=UTC),
    by="ci@acme.io",
    message="First.",
    checkpoint=CheckpointDigest(1, "c" * 64),
    events=(
        ModelCreated(ModelName("fraud"), "semver"),
        Registered("1.0.0", Digest.of(b"manifest"), maps={"model.onnx": Digest.of(b"map")}),
    ),
)


@given(commits)
def test_a_commit_survives_its_bytes(commit: Commit) -> None:
    """decode(encode(c)) == c, unknown fields and unknown events included."""
    data = encode_commit(commit)
    assert decode_commit(data, what="a commit") == commit
    assert encode_commit(decode_commit(data, what="a commit")) == data


def test_a_commit_checks_itself_with_sha256sum_alone() -> None:
    """The body lies between a prefix of 8 bytes and a suffix of 77, and its SHA-256 is in the suffix."""
    data = encode_commit(COMMIT)
    body = data[PREFIX:-TAIL]
    assert (PREFIX, TAIL) == (8, 77)
    assert json.loads(data) == {"body": json.loads(body), "sha256": hashlib.sha256(body).hexdigest()}
    assert commit_digest(data) == hashlib.sha256(data).hexdigest()


def test_every_flipped_bit_is_found() -> None:
    """Each single bit of a stored commit, flipped, makes it LogTampered: in body, checksum and envelope alike."""
    data = encode_commit(COMMIT)
    for position in range(len(data)):
        for bit in range(8):
            flipped = bytearray(data)
            flipped[position] ^= 1 << bit
            with pytest.raises(LogTampered, match="the commit"):
                decode_commit(bytes(flipped), what="the commit")


def test_every_truncation_and_extension_is_found() -> None:
    """A commit that lost or gained bytes at either end does not match."""
    data = encode_commit(COMMIT)
    for length in range(len(data)):
        for part in (data[:length], data[len(data) - length :]):
            with pytest.raises(LogTampered):
                decode_commit(part, what="the commit")
    for longer in (data + b"\n", b" " + data, data + data, b"\xef\xbb\xbf" + data):
        with pytest.raises(LogTampered):
            decode_commit(longer, what="the commit")


@given(st.binary(max_size=200))
@settings(max_examples=200)
def test_any_bytes_are_refused_with_our_own_error(data: bytes) -> None:
    """What is no sealed object is LogTampered; a sealed one that is no commit is InvalidValue."""
    with pytest.raises(LogTampered):
        decode_commit(data, what="the commit")
    with pytest.raises(InvalidValue):
        decode_commit(seal(data), what="the commit")


@given(st.binary(max_size=100))
def test_what_is_sealed_comes_back(body: bytes) -> None:
    """unseal(seal(b)) == b."""
    assert unseal(seal(body), what="bytes") == body


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"[]", "not a JSON object"),
        (b"{}", "another format"),
        (b'{"format":2,"events":[]}', "another format.*expected 1, found 2.*Upgrade"),
        (b'{"format":1}', "without events"),
        (b'{"format":1,"events":{}}', "without events"),
        (b'{"format":1,"events":[]}', "required field missing"),
        (b'{"format":1,"events":[1]}', "an event without a type"),
        (b'{"format":1,"events":[{"type":1}]}', "an event without a type"),
        (b'{"format":1,"events":[{"type":"yanked"}]}', "event yanked.*required field missing"),
        (b'{"format":1,"events":[{"type":"x","must_understand":"sing"}]}', "must_understand"),
        (b'{"format":1,"events":[{"type":"x","must_understand":[]}]}', "must_understand"),
        (b'{"format":1,"events":[{"type":"x","must_understand":null}]}', "must_understand"),
        (b'{"a":1},"body":{"b":2}', "not JSON"),
    ],
)
def test_a_sealed_body_that_is_no_commit_is_refused(body: bytes, message: str) -> None:
    """A checksum proves that bytes are whole, not that they make sense."""
    with pytest.raises(InvalidValue, match=message):
        decode_commit(seal(body), what="the commit")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("seq", "1"),
        ("seq", True),
        ("seq", 1.0),
        ("at", "yesterday"),
        ("at", 0),
        ("by", None),
        ("message", 5),
        ("checkpoint", "c" * 64),
        ("checkpoint", {"seq": 1}),
    ],
)
def test_a_header_field_of_a_wrong_type_is_refused(field: str, value: object) -> None:
    """Strictly: no text is a number, and true is not 1."""
    body = json.loads(encode_commit(COMMIT))["body"]
    with pytest.raises(InvalidValue, match=rf"\$\.{field}"):
        decode_commit(seal(encode({**body, field: value})), what="the commit")


@given(unknown_fields, unknown_fields)
def test_what_a_newer_release_wrote_is_kept(header: dict[str, object], event: dict[str, object]) -> None:
    """Unknown fields of the header and of known events, and whole unknown events, are there and are written again."""
    body = json.loads(encode_commit(COMMIT))["body"]
    body["events"][0] |= event
    body["events"].append({**event, "type": "quarantined"})
    data = seal(encode({**body, **header}))
    commit = decode_commit(data, what="a newer commit")
    assert commit.unknown == header
    assert commit.events[2] == UnknownEvent("quarantined", {**event, "type": "quarantined"})
    assert encode_commit(commit) == data


def test_a_commit_has_a_size_limit() -> None:
    """What no reader would accept is not made."""
    with pytest.raises(LimitExceeded, match="a commit is too large"):
        encode_commit(attrs.evolve(COMMIT, message="x" * MAX_COMMIT))


@pytest.mark.parametrize(
    ("label", "place"),
    [
        ("registry", {"registry": "1" * 32}),
        ("model", {"model": "other"}),
        ("number", {"seq": 2}),
        ("parent", {"parent": "1" * 64}),
    ],
)
def test_a_commit_belongs_to_one_place(label: str, place: dict[str, object]) -> None:
    """A commit moved to another registry, model, number or predecessor is found."""
    here = {"registry": COMMIT.registry, "model": COMMIT.model, "seq": COMMIT.seq, "parent": COMMIT.parent}
    check_link(COMMIT, **here, what="the commit")  # type: ignore[arg-type] # the four fields
    with pytest.raises(LogTampered, match=f"names another {label} than its place"):
        check_link(COMMIT, **{**here, **place}, what="the commit")  # type: ignore[arg-type] # likewise

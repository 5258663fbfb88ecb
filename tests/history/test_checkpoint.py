"""Checkpoints: a state as bytes, which give the state again or nothing."""

import json

import attrs
import pytest

from modelver.errors import InvalidValue, LimitExceeded, LogTampered, ModelverError
from modelver.history.checkpoint import MAX_CHECKPOINT, decode_checkpoint, encode_checkpoint
from modelver.history.commit import seal
from modelver.history.event import AliasDeleted, SweepStarted
from modelver.values.canonical import encode
from modelver.values.name import Alias
from modelver.values.version import Version
from tests.histories import CREATED, EMPTY, after, alias_set, with_versions


def body(data: bytes) -> dict[str, object]:
    """Return what a checkpoint says."""
    return json.loads(data)["body"]


def test_a_checkpoint_gives_the_state_again() -> None:
    """Versions keep their order, the highest ones are versions again, and the bytes are the same."""
    state = with_versions(["1.10.0", "1.9.0", "2.0.0-exp.1"])
    state = after(state, alias_set(state, "production", "1.9.0"), SweepStarted("s", ("b" * 64, "a" * 64)))
    data = encode_checkpoint(state)
    again = decode_checkpoint(data, what="a checkpoint")
    assert again == state
    assert again is not None
    assert list(again.versions) == list(state.versions)
    assert isinstance(again.highest, Version)
    assert again.highest > Version("2.0.0-exp.0", again.highest.number.parse("2.0.0-exp.0"))
    assert encode_checkpoint(again) == data


def test_an_alias_that_came_back_is_listed_as_replaying_lists_it() -> None:
    """Even the order of aliases is that of the log."""
    state = with_versions(["1.0.0"])
    state = after(state, alias_set(state, "a", "1.0.0"), alias_set(state, "b", "1.0.0"))
    state = after(state, alias_set(state, "a", "1.0.0"))
    again = decode_checkpoint(encode_checkpoint(state), what="a checkpoint")
    assert again is not None
    assert list(again.aliases) == list(state.aliases)


def test_a_deleted_alias_stays_deleted() -> None:
    """Its history is there, and it names nothing."""
    state = with_versions(["1.0.0"])
    state = after(state, alias_set(state, "production", "1.0.0"))
    previous = state.aliases["production"].as_previous()
    assert previous is not None
    state = after(state, AliasDeleted(Alias("production"), previous))
    again = decode_checkpoint(encode_checkpoint(state), what="a checkpoint")
    assert again == state
    assert again is not None
    assert again.aliases == {}


def test_an_empty_log_has_none() -> None:
    """There is nothing to write down."""
    with pytest.raises(InvalidValue, match="an empty log has no checkpoint"):
        encode_checkpoint(EMPTY)


def test_the_registrys_own_log_has_them_too() -> None:
    """Without a model there is no scheme and no version."""
    state = after(EMPTY, SweepStarted("s", ("a" * 64,)))
    assert decode_checkpoint(encode_checkpoint(state), what="a checkpoint") == state


@pytest.mark.parametrize("fold", [0, 1, 2, 4, None, "1"])
def test_another_folds_checkpoint_is_ignored(fold: object) -> None:
    """What another release made of the log may mean something else."""
    data = body(encode_checkpoint(after(EMPTY, CREATED)))
    assert decode_checkpoint(seal(encode({**data, "fold": fold})), what="a checkpoint") is None  # type: ignore[dict-item] # JSON


def test_every_flipped_bit_is_found() -> None:
    """A checkpoint checks itself as a commit does."""
    data = encode_checkpoint(with_versions(["1.0.0"]))
    for position in range(len(data)):
        for bit in range(8):
            flipped = bytearray(data)
            flipped[position] ^= 1 << bit
            with pytest.raises(LogTampered):
                decode_checkpoint(bytes(flipped), what="a checkpoint")


@pytest.mark.parametrize(
    "change",
    [
        {"seq": "2"},
        {"seq": None},
        {"at": "now"},
        {"scheme": "nonsense"},
        {"highest": "nonsense"},
        {"versions": {}},
        {"versions": [1]},
        {"versions": "1.0.0"},
        {"alias_history": [{"alias": "a"}]},
        {"condemned": {"s": "abc"}},
        {"commit_ids": {"a": "b"}},
        {"fold": 3.0},
    ],
)
def test_a_sealed_body_that_is_no_checkpoint_is_refused(change: dict[str, object]) -> None:
    """Whatever is wrong is our own error, so that a reader passes it over."""
    data = body(encode_checkpoint(with_versions(["1.0.0"])))
    with pytest.raises(ModelverError):
        decode_checkpoint(seal(encode({**data, **change})), what="a checkpoint")  # type: ignore[dict-item] # JSON


def test_a_checkpoint_has_a_size_limit() -> None:
    """More than a reader accepts is not made."""
    state = attrs.evolve(after(EMPTY, CREATED), write_blocked="x" * MAX_CHECKPOINT)
    with pytest.raises(LimitExceeded, match="a checkpoint is too large"):
        encode_checkpoint(state)

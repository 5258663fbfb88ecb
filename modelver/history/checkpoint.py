"""A state as bytes: derived, deletable, never trusted beyond the chain (docs/format.md, "Checkpoints")."""

from collections.abc import Mapping
from datetime import datetime

import attrs

from modelver.errors import InvalidValue, LimitExceeded
from modelver.history.commit import seal, unseal
from modelver.history.fold import FOLD
from modelver.history.state import AliasChange, PinChange, PolicyChange, State, VersionEntry
from modelver.values import wire
from modelver.values.canonical import decode_object
from modelver.values.name import ModelName
from modelver.values.scheme import Scheme
from modelver.values.version import Version

MAX_CHECKPOINT = 64 * 2**20
"""A checkpoint larger than this many bytes is neither written nor read."""


@attrs.frozen
class _Checkpoint:
    """A state as the wire has it; see `State`."""

    fold: int
    seq: int
    commit: str
    at: datetime
    model: ModelName | None = None
    scheme: str = ""
    versions: tuple[VersionEntry, ...] = ()
    alias_history: tuple[AliasChange, ...] = ()
    pin_history: tuple[PinChange, ...] = ()
    commit_ids: Mapping[str, int] = attrs.field(factory=dict)
    condemned: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict)
    swept: int = 0
    policies: tuple[PolicyChange, ...] = ()
    highest: str = ""
    highest_release: str = ""
    write_blocked: str = ""


def encode_checkpoint(state: State) -> bytes:
    """Return a state, of at least one commit, as bytes that check themselves.

    Raises:
        LimitExceeded: They would be more than a reader accepts.
    """
    if state.at is None:
        raise InvalidValue("an empty log has no checkpoint")
    checkpoint = _Checkpoint(
        fold=FOLD,
        seq=state.seq,
        commit=state.head,
        at=state.at,
        model=state.model,
        scheme=state.scheme.text if state.scheme else "",
        versions=tuple(state.versions.values()),
        alias_history=state.alias_history,
        pin_history=state.pin_history,
        commit_ids=state.commit_ids,
        condemned={sweep: tuple(sorted(blobs)) for sweep, blobs in state.condemned.items()},
        swept=state.swept,
        policies=state.policies,
        highest=state.highest or "",
        highest_release=state.highest_release or "",
        write_blocked=state.write_blocked,
    )
    data = seal(wire.to_bytes(checkpoint))
    if len(data) > MAX_CHECKPOINT:
        raise LimitExceeded(
            "a checkpoint is too large", expected=f"at most {MAX_CHECKPOINT:,} bytes", found=f"{len(data):,}"
        )
    return data


def decode_checkpoint(data: bytes, *, what: str) -> State | None:
    """Read a checkpoint; None where another fold made it.

    Raises:
        LogTampered: The bytes do not match their own checksum.
        InvalidValue: They are no checkpoint.
    """
    body = decode_object(unseal(data, what=what), what=what)
    if body.get("fold") != FOLD:
        return None
    checkpoint = wire.from_json(body, _Checkpoint, what=what)
    scheme = Scheme.parse(checkpoint.scheme) if checkpoint.scheme else None
    return State(
        seq=checkpoint.seq,
        head=checkpoint.commit,
        at=checkpoint.at,
        model=checkpoint.model,
        scheme=scheme,
        versions={entry.version: entry for entry in checkpoint.versions},
        aliases=_newest(checkpoint.alias_history),
        alias_history=checkpoint.alias_history,
        pin_history=checkpoint.pin_history,
        commit_ids=checkpoint.commit_ids,
        condemned={sweep: frozenset(blobs) for sweep, blobs in checkpoint.condemned.items()},
        swept=checkpoint.swept,
        policies=checkpoint.policies,
        highest=_version(scheme, checkpoint.highest),
        highest_release=_version(scheme, checkpoint.highest_release),
        write_blocked=checkpoint.write_blocked,
    )


def _newest(history: tuple[AliasChange, ...]) -> dict[str, AliasChange]:
    """Return what each alias names after its last change."""
    aliases: dict[str, AliasChange] = {}
    for change in history:
        if change.digest is None:
            aliases.pop(change.alias, None)
        else:
            aliases[change.alias] = change
    return aliases


def _version(scheme: Scheme | None, text: str) -> Version | None:
    return scheme.version(text) if scheme and text else None

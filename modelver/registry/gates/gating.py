"""Before a commit: which policies hold, what the gates say, and the refusal where they say no."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Self, TypeAlias, cast

import attrs

from modelver.errors import ModelverError, NotFound
from modelver.formats.unsafe import unsafe_format
from modelver.gates import Case, Policy, judge
from modelver.gates.checks import yank
from modelver.gates.judge import may_override, refusal
from modelver.gates.parse import read_policy
from modelver.history.state import PolicyChange, State, VersionEntry
from modelver.registry.base.finding import model_of
from modelver.registry.base.reading import read_manifest
from modelver.registry.base.session import Session
from modelver.registry.gates.evidence import gather_case
from modelver.values import wire
from modelver.values.canonical import Json, decode_object, encode
from modelver.values.manifest import Manifest
from modelver.values.name import Alias
from modelver.values.verdict import Verdict


@attrs.frozen
class Gated:
    """What the gates said of a step that may happen.

    Attributes:
        verdicts: All of them.
        default_policy: The number of the registry's commit whose policy was asked; 0 for none.
        override: Whether somebody passed over those that failed.
    """

    verdicts: tuple[Verdict, ...] = ()
    default_policy: int = 0
    override: bool = False

    @property
    def evidence(self) -> tuple[Mapping[str, Json], ...]:
        """The verdicts as events hold them."""
        return tuple(cast("Mapping[str, Json]", wire.to_json(verdict)) for verdict in self.verdicts)


@attrs.frozen
class Governed:
    """The policies that hold for a model.

    Attributes:
        policies: The registry's default and the model's own, as far as they were set; both must be kept.
        default: The number of the registry's commit that set the default; 0 without one.
    """

    policies: tuple[Policy, ...]
    default: int = 0

    @classmethod
    def of(cls, default: PolicyChange | None, own: PolicyChange | None) -> Self:
        """Read stored policies.

        Raises:
            InvalidValue: One of them asks for something that this release does not know.
        """
        changes = [change for change in (default, own) if change is not None and change.policy]
        return cls(tuple(stored_policy(change) for change in changes), default.mark.seq if default else 0)


def stored_policy(change: PolicyChange) -> Policy:
    """Read a policy from a log.

    Raises:
        InvalidValue: It asks for something that this release does not know.
    """
    return _parsed(encode(change.policy), f"the policy of commit {change.mark.seq}")


@lru_cache(maxsize=64)
def _parsed(data: bytes, what: str) -> Policy:
    return read_policy(decode_object(data, what=what), what=what)


def governed(session: Session, state: State) -> Governed:
    """Return the policies that hold for a model now."""
    default = session.registry_log.state().policies
    return Governed.of(default[-1] if default else None, state.policies[-1] if state.policies else None)


def gate_registration(
    session: Session,
    state: State,
    manifest: Manifest,
    governing: Governed,
    *,
    unsafe: Mapping[str, str] | None = None,
) -> Gated:
    """Decide on a registration.

    Args:
        session: The registry.
        state: The log before.
        manifest: What is stated; before anything is hashed, without number and files.
        governing: The policies.
        unsafe: Files that can run code, where they are not stored yet.

    Raises:
        Refused: A policy says no; all that failed is told.
    """
    if not governing.policies:
        return Gated(default_policy=governing.default)
    verdicts = registration_verdicts(session, state, manifest, governing, unsafe=unsafe)
    if not all(verdicts):
        raise refusal(verdicts, "the policy does not let this version be registered", _where(state, manifest))
    return Gated(verdicts, governing.default)


def registration_verdicts(
    session: Session,
    state: State,
    manifest: Manifest,
    governing: Governed,
    *,
    unsafe: Mapping[str, str] | None = None,
) -> tuple[Verdict, ...]:
    """Return what the gates say of a registration; see `gate_registration`."""
    now = datetime.now(UTC)
    case = gather_case(session, state, manifest, None, None, governing.policies, now, unsafe=unsafe)
    return judge(case, governing.policies)


Heads: TypeAlias = Callable[[], Mapping[str, bytes]]
"""Gives the first bytes of each file, by path, as far as they are at hand."""


def early_gate(session: Session, state: State, stated: Manifest) -> Callable[[Heads], None]:
    """Return what asks the gates of a registration before anything is hashed or sent.

    Args:
        session: The registry, which may not exist yet.
        state: The log before.
        stated: The manifest, without number and files.

    Returns:
        A function that takes the heads of the files, and raises `Refused`.
    """
    try:
        governing = governed(session, state)
    except NotFound:
        governing = Governed(())

    looks = any("pickle" in policy.register.forbid for policy in governing.policies)

    def ask(heads: Heads) -> None:
        found = {path: unsafe_format(path, head) for path, head in heads().items()} if looks else {}
        unsafe = {path: kind for path, kind in found.items() if kind}
        gate_registration(session, state, stated, governing, unsafe=unsafe)

    return ask


def _where(state: State, manifest: Manifest) -> str:
    return f"{state.model or manifest.model}" + (f":{manifest.version}" if manifest.version else "")


def gate_move(
    session: Session,
    state: State,
    entry: VersionEntry,
    alias: Alias,
    *,
    manifest: Manifest | None = None,
    governing: Governed | None = None,
    override: bool = False,
) -> Gated:
    """Decide on making an alias name a version.

    Args:
        session: The registry.
        state: The log before, with the version in it.
        entry: The version.
        alias: The alias.
        manifest: The version's, where it is not stored yet.
        governing: The policies, where they are known; else they are read.
        override: Whether failed checks are passed over, as far as the policies let them.

    Raises:
        Refused: A policy says no; all that failed is told, in ``verdicts`` too. `ApprovalRequired` where approvals alone
            are missing, `UnsafeFormat` where formats alone are in the way.
    """
    known = governing or governed(session, state)
    case = _case(session, state, entry, alias, known, manifest)
    verdicts = judge(case, known.policies) if case else ()
    failed = not all(verdicts)
    where = f"{state.model}@{alias}, to {entry.version}"
    if failed and not override:
        raise refusal(verdicts, "the policy does not let this alias move", where)
    if case and failed and not may_override(case, known.policies):
        raise refusal(verdicts, "the policy does not let anybody pass over it", where)
    return Gated(verdicts, known.default, override=failed)


def flag_move(session: Session, state: State, entry: VersionEntry, alias: Alias) -> Gated:
    """Say what the gates say of a rollback: it happens in any case, since a bad release has to go at once."""
    try:
        governing = governed(session, state)
        case = _case(session, state, entry, alias, governing)
        return Gated(judge(case, governing.policies) if case else (), governing.default)
    except ModelverError as error:
        return Gated((Verdict("gates", passed=False, reason=f"could not be asked: {error.what}"),))


def move_verdicts(
    session: Session,
    state: State,
    entry: VersionEntry,
    alias: Alias,
    *,
    manifest: Manifest | None = None,
    governing: Governed | None = None,
    unsafe: Mapping[str, str] | None = None,
) -> tuple[Verdict, ...]:
    """Return what the gates would say of a move; see `gate_move`, and `gate_registration` of what is not stored yet."""
    governing = governing or governed(session, state)
    case = _case(session, state, entry, alias, governing, manifest, unsafe=unsafe)
    return judge(case, governing.policies) if case else tuple(yank(entry))


def _case(
    session: Session,
    state: State,
    entry: VersionEntry,
    alias: Alias,
    governing: Governed,
    manifest: Manifest | None = None,
    *,
    unsafe: Mapping[str, str] | None = None,
) -> Case | None:
    """Return a move with its evidence; None where no policy asks anything of the alias."""
    if not any(alias in policy.aliases for policy in governing.policies):
        return None
    stated = manifest or read_manifest(session, model_of(state), entry)
    now = datetime.now(UTC)
    return gather_case(session, state, stated, entry, alias, governing.policies, now, unsafe=unsafe)

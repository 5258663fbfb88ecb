"""What is said of a version after its publication: metrics, notes, tags, and that it should not be used."""

import warnings
from collections.abc import Callable
from functools import partial

from modelver.history.event import Annotated, Evaluated, Yanked
from modelver.history.state import State
from modelver.log import Proposal
from modelver.registry.aliases.moving import used_otherwise
from modelver.registry.base.finding import caller_level, find, parse_ref
from modelver.registry.base.reading import model_version
from modelver.registry.base.session import Session
from modelver.values.digest import Digest
from modelver.values.model_version import ModelVersion
from modelver.values.record import Metric


def yank(session: Session, ref: str | ModelVersion, *, reason: str, commit_id: str | None) -> ModelVersion:
    """Mark a version as not to be used; see `Registry.yank`."""
    version, state = _amend(session, ref, Yanked, commit_id, reason)
    serving = [alias for alias, change in state.aliases.items() if change.version == version.version]
    if serving:
        warnings.warn(
            f"{version.ref} is still what {', '.join(serving)} serves: roll back, or set it to another version.",
            stacklevel=caller_level(),
        )
    return version


def annotate(
    session: Session, ref: str | ModelVersion, note: str, tags: dict[str, str], *, commit_id: str | None
) -> ModelVersion:
    """Add a note or tags to a version; see `Registry.annotate`."""
    return _amend(session, ref, partial(Annotated, note=note, tags=tags), commit_id)[0]


def record_metrics(
    session: Session, ref: str | ModelVersion, metrics: tuple[Metric, ...], *, commit_id: str | None
) -> ModelVersion:
    """Add metrics that were measured after publication; see `Registry.record_metrics`."""
    return _amend(session, ref, partial(Evaluated, metrics=metrics), commit_id)[0]


def _amend(
    session: Session,
    ref: str | ModelVersion,
    make: Callable[[str, Digest], Yanked | Annotated | Evaluated],
    commit_id: str | None,
    message: str = "",
) -> tuple[ModelVersion, State]:
    """Append an event about a version; return the version, and the state after it.

    Raises:
        AlreadyExists: An earlier call with the same ``commit_id`` said something else.
    """
    wanted = parse_ref(ref)
    session.open_for_writing()
    first = find(session.state(wanted.model), wanted)
    event = make(first.version, first.digest)

    def propose(state: State) -> Proposal:
        known = isinstance(event, Yanked) and state.versions[event.version].yanked
        return Proposal(() if known else (event,), message)

    appended = session.append(wanted.model, propose, commit_id=commit_id)
    if appended.seq and not appended.written:
        commit, _ = session.log(wanted.model).commit(appended.seq)
        if event not in commit.events:
            raise used_otherwise(appended.state, appended.seq)
    entry = appended.state.versions[event.version]
    return model_version(session, appended.state, entry), appended.state

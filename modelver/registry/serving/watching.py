"""What guards are told of an alias."""

from datetime import datetime

from modelver.history.state import AliasChange, State, VersionEntry, latest_metrics
from modelver.registry.aliases.moving import no_alias
from modelver.registry.aliases.rolling_back import guard_may_reach
from modelver.registry.base.finding import model_of
from modelver.registry.base.reading import model_version, read_manifest
from modelver.registry.base.session import Session
from modelver.serving.watched import Service, Watched, is_regular
from modelver.values.name import Alias, ModelName
from modelver.values.record import Metric


def watched(session: Session, name: ModelName, alias: Alias) -> Watched:
    """Return what a guard has to know of an alias; see `Registry.watched`."""
    state = session.state(name)
    change = state.aliases.get(alias)
    if change is None:
        raise no_alias(state, alias)
    entry = state.versions[change.version]
    pin = state.pin(alias)
    back = _back(session, state, alias)
    before = change.previous
    return Watched(
        registry=session.identity.registry,
        model=str(model_of(state)),
        alias=str(alias),
        current=Service(model_version(session, state, entry), change.mark.at),
        generation=change.generation,
        cause=change.cause,
        breach=change.breach,
        left=before.version if before else "",
        left_generation=before.generation if before else 0,
        back=back,
        back_recorded=_recorded(state, alias, back) if back else (),
        pinned=pin.mark if pin else None,
        metrics=_metrics(session, state, entry),
        cache=session.cache,
    )


def _metrics(session: Session, state: State, entry: VersionEntry) -> tuple[Metric, ...]:
    stated = read_manifest(session, model_of(state), entry).metadata.metrics
    return latest_metrics(stated, entry.evaluations)


def _recorded(state: State, alias: Alias, back: Service) -> tuple[Metric, ...]:
    """Return what guards of an alias recorded of a version now and then; another alias has other traffic."""
    ids = {seq: commit_id for commit_id, seq in state.commit_ids.items()}
    evaluations = state.versions[back.version.version].evaluations
    return latest_metrics((), (each for each in evaluations if is_regular(ids.get(each.mark.seq, ""), alias)))


def _back(session: Session, state: State, alias: Alias) -> Service | None:
    """Return what a guard would go back to, and when the alias named it last."""
    reach = guard_may_reach(state, alias)
    if not reach:
        return None
    moves = [change for change in state.alias_history if change.alias == alias]
    last = max(number for number, move in enumerate(moves) if move.version == reach[0])
    version = model_version(session, state, state.versions[reach[0]])
    return Service(version, moves[last].mark.at, _end(moves, last))


def _end(moves: list[AliasChange], number: int) -> datetime | None:
    return moves[number + 1].mark.at if number + 1 < len(moves) else None

"""What people said of a version, with what it is worth."""

from datetime import UTC, datetime

from modelver.history.state import State, VersionEntry
from modelver.publish.judged import Bench, Judged
from modelver.registry.base.finding import model_of
from modelver.registry.base.reading import read_manifest
from modelver.registry.base.session import Session
from modelver.registry.gates.gating import governed


def judged_now(session: Session, state: State, entry: VersionEntry) -> tuple[Judged, ...]:
    """Return what people said of a version, and what it is worth by the policies that hold now.

    Raises:
        InvalidValue: A policy asks for something that this release does not know.
    """
    if not entry.approvals and not entry.rejections:
        return ()
    bench = Bench(
        registry=session.identity.registry,
        state=state,
        manifest=read_manifest(session, model_of(state), entry),
        entry=entry,
        policies=governed(session, state).policies,
        at=datetime.now(UTC),
    )
    return bench.judged()

"""What a registration owes to garbage collections that run beside it (docs/format.md, "Sweeps")."""

from collections.abc import Mapping

import attrs

from modelver.content.blobs import has_blob
from modelver.errors import Conflict
from modelver.history.event import SweepStarted
from modelver.history.state import State
from modelver.registry.base.session import Session
from modelver.storage.layout import blob_key
from modelver.values.digest import Digest


@attrs.frozen
class Sweeps:
    """What was known of sweeps before anything was stored.

    Attributes:
        model: Number of the last commit of the model's log that began or ended one.
        registry: The same of the registry's own log; None where the model had versions, since a sweep then writes to
            the model's log too.
    """

    model: int = 0
    registry: int | None = None


def seen_sweeps(session: Session, state: State) -> Sweeps:
    """Return what is known of sweeps now."""
    return Sweeps(state.swept, None if state.versions else session.registry_log.state().swept)


def honour_sweeps(
    session: Session, state: State, manifest: Digest, blobs: Mapping[Digest, int | None], seen: Sweeps
) -> tuple[SweepStarted, ...]:
    """Refuse a registration whose blobs a sweep deletes, or may have deleted since they were stored.

    Args:
        session: The registry.
        state: The model's state, which the registration follows.
        manifest: The manifest's digest; it is stored right before the commit.
        blobs: The other blobs that the version needs, which were stored before, with the sizes that are known.
        seen: What was known of sweeps before they were stored.

    Returns:
        Running sweeps that the model's log does not know yet, since it had no version when they began.

    Raises:
        Conflict: A blob is condemned, or was swept away since it was stored.
    """
    registry = None if seen.registry is None else session.registry_log.state()
    running = {**(registry.condemned if registry else {}), **state.condemned}
    condemned = frozenset[str]().union(*running.values())
    for digest in (manifest, *blobs):
        if digest.hex in condemned:
            raise Conflict(
                "a garbage collection is about to delete a blob of this version",
                where=blob_key(digest),
                hint="Try again when it is done.",
            )
    if state.swept != seen.model or (registry and registry.swept != seen.registry):
        for digest, size in blobs.items():
            if not has_blob(session.store, digest, size):
                raise Conflict(
                    "a garbage collection took a blob of this version away",
                    where=blob_key(digest),
                    hint="Register again.",
                )
    return tuple(
        SweepStarted(sweep, tuple(sorted(found)))
        for sweep, found in running.items()
        if sweep not in state.condemned
    )

"""What a gate decides about: the version, the step, and all the evidence."""

from collections.abc import Mapping
from datetime import datetime

import attrs

from modelver.history.state import State, VersionEntry
from modelver.values.manifest import Manifest
from modelver.values.name import Alias


@attrs.frozen
class Served:
    """What an alias serves before it moves."""

    entry: VersionEntry
    manifest: Manifest


@attrs.frozen
class Case:
    """One step of one version.

    Attributes:
        registry: The registry's id.
        state: The log before the step; for a version that is registered and named at once, with the version in it.
        manifest: What the version states. Before registration it has no number, and perhaps no files yet.
        entry: What the log says of it; None before registration.
        alias: The alias that is to move; None at registration.
        at: The time.
        served: What the alias serves now, or served last; None where it never did.
        unsafe: Files whose format can run code when they are loaded: path to what was found.
        yanked_bases: Base models of this registry that had been yanked by then.
    """

    registry: str
    state: State
    manifest: Manifest
    entry: VersionEntry | None
    alias: Alias | None
    at: datetime
    served: Served | None = None
    unsafe: Mapping[str, str] = attrs.field(factory=dict)
    yanked_bases: tuple[str, ...] = ()

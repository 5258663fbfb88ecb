"""What each alias of a model names: told by `alias` and by `status`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import attrs

from modelver.cli.data import entry_data
from modelver.cli.render import BAD, Cell, Screen, cell, moment
from modelver.registry import HistoryEntry, Registry
from modelver.values.model_version import ModelVersion

if TYPE_CHECKING:
    from modelver.values.canonical import Json


@attrs.frozen
class Serving:
    """What an alias names now.

    Attributes:
        version: The version.
        move: How it came to name it.
        yanked: Whether the version was yanked since.
        pin: Who pinned the alias, when and why; None where nobody did.
    """

    version: ModelVersion
    move: HistoryEntry
    yanked: bool
    pin: HistoryEntry | None = None

    def data(self) -> "Mapping[str, Json]":
        """Return it as JSON data."""
        move = entry_data(self.move)
        kept = {key: move[key] for key in ("alias", "version", "by", "reason", "generation")}
        ref, digest = self.version.ref, str(self.version.digest)
        return {
            **kept,
            "ref": ref,
            "digest": digest,
            "since": move["at"],
            "yanked": self.yanked,
            "pinned": self._pin(),
        }

    def _pin(self) -> "Json":
        if self.pin is None:
            return None
        return {key: entry_data(self.pin)[key] for key in ("at", "by", "reason")}

    def row(self) -> tuple[Cell, ...]:
        """Return it as a row of `show_serving`."""
        version = cell(f"{self.version.version} YANKED", BAD) if self.yanked else str(self.version.version)
        pinned = f"PINNED by {self.pin.by}: {self.pin.reason}" if self.pin else ""
        why = "; ".join(filter(None, (self.move.reason, pinned)))
        return cell(self.move.alias, "bold"), version, moment(self.move.at), self.move.by, why


def serving(registry: Registry, model: str) -> list[Serving]:
    """Return what each alias of a model names, sorted by alias."""
    return [_served(registry, model, alias, version) for alias, version in registry.aliases(model).items()]


def _served(registry: Registry, model: str, alias: str, version: ModelVersion) -> Serving:
    history = registry.history(model, alias=alias)
    move = next(entry for entry in reversed(history) if entry.action not in {"pinned", "unpinned"})
    ends = [entry for entry in history if entry.action in {"pinned", "unpinned", "deleted"}]
    held = ends[-1] if ends and ends[-1].action == "pinned" else None
    return Serving(version, move, registry.status(version.ref).yanked is not None, held)


def show_serving(screen: Screen, found: list[Serving]) -> None:
    """Show what each alias names, since when, by whom and why."""
    if not found:
        screen.line("There are no aliases.")
        return
    screen.table(("alias", "version", "since (UTC)", "by", "why"), [each.row() for each in found])

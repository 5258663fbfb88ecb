"""What a registry answers beside versions: status, history."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import overload

import attrs

from modelver.history.governing import Approved, Rejected
from modelver.history.state import Annotation, Evaluation, Mark, latest_metrics, latest_tags
from modelver.publish.judged import Judged
from modelver.values import html
from modelver.values.model_version import ModelVersion
from modelver.values.reading import Breach
from modelver.values.record import Metric


@attrs.frozen
class HistoryEntry:
    """One thing that happened to a model.

    Attributes:
        at: When, by the log's time, in UTC.
        by: Who.
        action: ``registered``, ``manual``, ``promote``, ``rollback``, ``guard``, ``deleted``, ``pinned``, ``unpinned``,
            ``yanked``, ...
        version: The version concerned; empty where an alias was deleted.
        alias: The alias concerned, or empty.
        previous: What the alias named before, or empty.
        reason: Why, in the words of who did it.
        generation: The number of the commit: for an alias, its generation, which a pin leaves as it is.
        clock: The writer's clock as read; differs from `at` where clocks ran apart.
        override: Whether an alias moved although a policy's check said no.
        breach: What a guard saw, where it rolled back.
    """

    at: datetime
    by: str
    action: str
    version: str
    alias: str
    previous: str
    reason: str
    generation: int
    clock: datetime
    override: bool = False
    breach: Breach | None = None

    def __str__(self) -> str:
        move = self.version
        if self.action in {"pinned", "unpinned"}:
            move = f"{self.alias}: {self.version}"
        elif self.alias:
            move = f"{self.alias}: {self.previous or '-'} -> {self.version or '-'}"
        reason = f"  ({self.reason})" if self.reason else ""
        over = "  OVER FAILED CHECKS" if self.override else ""
        return f"{self.at:%Y-%m-%d %H:%M:%S}  {self.action:<10}  {move}  by {self.by}{reason}{over}"


@attrs.frozen
class History(Sequence[HistoryEntry]):
    """What happened, the oldest first.

    Attributes:
        subject: Whose history it is.
        entries: In the log's order.
    """

    subject: str
    entries: tuple[HistoryEntry, ...]

    @overload
    def __getitem__(self, index: int) -> HistoryEntry: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[HistoryEntry, ...]: ...
    def __getitem__(self, index: int | slice) -> HistoryEntry | tuple[HistoryEntry, ...]:
        """Return one entry, or several."""
        return self.entries[index]

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[HistoryEntry]:
        return iter(self.entries)

    def __str__(self) -> str:
        return "\n".join(str(entry) for entry in self.entries)

    def _repr_html_(self) -> str:
        rows = [
            (
                html.text(f"{entry.at:%Y-%m-%d %H:%M:%S}"),
                html.text(entry.action + (", over failed checks" if entry.override else "")),
                html.code(entry.alias) if entry.alias else "",
                html.text(f"{entry.previous} → {entry.version or '-'}" if entry.previous else entry.version),
                html.text(entry.by),
                html.text(entry.reason),
            )
            for entry in self.entries
        ]
        header = ("when (UTC)", "what", "alias", "version", "who", "why")
        return html.heading(f"history of {self.subject}", f"{len(self)} entries") + html.table(header, rows)


@attrs.frozen
class VersionStatus:
    """What happened to a version since it was registered.

    Attributes:
        version: The version.
        aliases: The aliases that name it now, with the time since when.
        yanked: Who yanked it, when and why; None where nobody did.
        finalizes: The pre-release that it finalizes, or empty.
        evaluations: Metrics recorded later.
        annotations: Notes and tags added later.
        judged: Approvals and rejections, each with what it is worth: a claim, or a signature that holds.
        pins: Of these aliases, those that somebody pinned, with who did it, when and why.
    """

    version: ModelVersion
    aliases: Mapping[str, datetime]
    yanked: Mark | None = None
    finalizes: str = ""
    evaluations: tuple[Evaluation, ...] = ()
    annotations: tuple[Annotation, ...] = ()
    judged: tuple[Judged, ...] = ()
    pins: Mapping[str, Mark] = attrs.field(factory=dict)

    @property
    def approvals(self) -> tuple[Judged, ...]:
        """The approvals, the oldest first."""
        return tuple(each for each in self.judged if each.decision == Approved.TYPE)

    @property
    def rejections(self) -> tuple[Judged, ...]:
        """The rejections, the oldest first."""
        return tuple(each for each in self.judged if each.decision == Rejected.TYPE)

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """All metrics, the later ones in place of the earlier."""
        return latest_metrics(self.version.metrics, self.evaluations)

    @property
    def tags(self) -> dict[str, str]:
        """All tags, the later ones in place of the earlier; a tag that was set to nothing is gone."""
        return latest_tags(self.version.metadata.tags, self.annotations)

    @property
    def notes(self) -> tuple[str, ...]:
        """The notes added later."""
        return tuple(annotation.note for annotation in self.annotations if annotation.note)

    def __str__(self) -> str:
        lines = [f"{self.version.ref}  {self.version.digest.short}"]
        lines += [f"  {alias} since {since:%Y-%m-%d %H:%M:%S} UTC" for alias, since in self.aliases.items()]
        lines += [
            f"  {alias} pinned {mark.at:%Y-%m-%d %H:%M:%S} UTC by {mark.by}: {mark.message}"
            for alias, mark in self.pins.items()
        ]
        if self.yanked:
            lines.append(
                f"  yanked {self.yanked.at:%Y-%m-%d %H:%M:%S} UTC by {self.yanked.by}: {self.yanked.message}"
            )
        if self.finalizes:
            lines.append(f"  finalizes {self.finalizes}")
        lines += [f"  {each}" for each in self.judged]
        lines += [
            f"  {metric.name} {metric.value:g}"
            + (f" on {metric.dataset}" if metric.dataset else "")
            + (f" ({metric.slice})" if metric.slice else "")
            for metric in self.metrics
        ]
        lines += [f"  {key}: {value}" for key, value in self.tags.items()]
        lines += [f"  note: {note}" for note in self.notes]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        lines = str(self).splitlines()[1:]
        return html.heading(self.version.ref, self.version.digest.short) + html.table(
            (), [(html.text(line.strip()),) for line in lines]
        )

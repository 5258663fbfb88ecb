"""Files of two versions: added, removed, changed, renamed."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

import attrs

from modelver.values.canonical import Json
from modelver.values.file import FileEntry, Role


@attrs.frozen
class FileRow:
    """A file that differs between two versions.

    Attributes:
        a: The file in the first version; None where it was added.
        b: The file in the second version; None where it was removed.
    """

    a: FileEntry | None
    b: FileEntry | None

    @property
    def path(self) -> str:
        """Its path in the second version, else in the first."""
        return self._entry.path

    @property
    def role(self) -> Role:
        """What it is for in the second version, else in the first."""
        return self._entry.role

    @property
    def _entry(self) -> FileEntry:
        entry = self.b or self.a
        assert entry is not None  # noqa: S101 (a row is about at least one file)
        return entry

    def to_dict(self) -> dict[str, Json]:
        """Return the row as plain JSON data."""
        return {"path": self.path, "a": _entry_json(self.a), "b": _entry_json(self.b)}


def counted(count: int, noun: str) -> str:
    """Return a number of things for people: ``1 file``, ``1,200 files``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _entry_json(entry: FileEntry | None) -> Json:
    if entry is None:
        return None
    return {"path": entry.path, "size": entry.size, "sha256": entry.sha256, "role": entry.role.value}


@attrs.frozen
class FileChanges:
    """How the files of two versions differ; each tuple is sorted by path.

    Attributes:
        added: Files that only the second version has.
        removed: Files that only the first version has.
        changed: Files of one path whose bytes, role or media type differ.
        renamed: Files of the same bytes under another path.
        unchanged: The number of files that are the same.
    """

    added: tuple[FileRow, ...]
    removed: tuple[FileRow, ...]
    changed: tuple[FileRow, ...]
    renamed: tuple[FileRow, ...]
    unchanged: int

    def rows(self) -> Iterator[tuple[str, FileRow]]:
        """Yield every row with the name of its change."""
        for kind, rows in self._kinds().items():
            for row in rows:
                yield kind, row

    def __bool__(self) -> bool:
        return any(self._kinds().values())

    def __str__(self) -> str:
        counts = {**{kind: len(rows) for kind, rows in self._kinds().items()}, "unchanged": self.unchanged}
        return ", ".join(f"{count:,} {kind}" for kind, count in counts.items() if count)

    def to_dict(self) -> dict[str, Json]:
        """Return the changes as plain JSON data."""
        rows: dict[str, Json] = {
            kind: [row.to_dict() for row in rows] for kind, rows in self._kinds().items()
        }
        return {**rows, "unchanged": self.unchanged}

    def _kinds(self) -> dict[str, tuple[FileRow, ...]]:
        return {
            "changed": self.changed,
            "added": self.added,
            "removed": self.removed,
            "renamed": self.renamed,
        }


def compare_files(a: Iterable[FileEntry], b: Iterable[FileEntry]) -> FileChanges:
    """Compare files by path, and those of one version alone by their bytes too."""
    first = {entry.path: entry for entry in a}
    second = {entry.path: entry for entry in b}
    both = sorted(first.keys() & second.keys())
    renamed = _renamed(first, second)
    gone = {before.path for before, _ in renamed}
    new = {after.path for _, after in renamed}
    return FileChanges(
        added=tuple(
            FileRow(None, second[path]) for path in sorted(second) if path not in first and path not in new
        ),
        removed=tuple(
            FileRow(first[path], None) for path in sorted(first) if path not in second and path not in gone
        ),
        changed=tuple(FileRow(first[path], second[path]) for path in both if first[path] != second[path]),
        renamed=tuple(FileRow(before, after) for before, after in renamed),
        unchanged=sum(first[path] == second[path] for path in both),
    )


def _renamed(
    first: Mapping[str, FileEntry], second: Mapping[str, FileEntry]
) -> list[tuple[FileEntry, FileEntry]]:
    """Pair removed and added files of equal bytes in the order of their paths; empty files are all alike."""
    added = defaultdict(list)
    for path in sorted(second.keys() - first.keys()):
        if second[path].size:
            added[second[path].sha256].append(second[path])
    removed = defaultdict(list)
    for path in sorted(first.keys() - second.keys()):
        removed[first[path].sha256].append(first[path])
    pairs = [
        pair for sha256, entries in removed.items() for pair in zip(entries, added[sha256], strict=False)
    ]
    return sorted(pairs, key=lambda pair: pair[1].path)

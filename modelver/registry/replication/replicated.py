"""What a push, pull, mirror or import did; and the count of it while it goes on."""

import threading
from collections.abc import Mapping

import attrs

from modelver.content.copying import Copied
from modelver.registry.base.progress import Callback
from modelver.values import html
from modelver.values.canonical import Json
from modelver.values.sizes import format_size


@attrs.frozen
class Replicated:
    """What came from one registry to another.

    Attributes:
        source: Where it came from.
        target: Where it went.
        models: Models that are new there, or of which something is.
        versions: References of the versions that are new there.
        commits: How many commits were written there.
        blobs: How many blobs were copied.
        size: Their bytes.
        skipped: How many blobs were needed that were there already.
        on_server: How many of the copied blobs the service copied by itself; `verify` at the target reads them.
    """

    source: str
    target: str
    models: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    commits: int = 0
    blobs: int = 0
    size: int = 0
    skipped: int = 0
    on_server: int = 0

    @property
    def changed(self) -> bool:
        """Whether anything was written."""
        return bool(self.commits or self.blobs)

    def to_dict(self) -> dict[str, Json]:
        """Return the fields as JSON data."""
        return {
            "source": self.source,
            "target": self.target,
            "models": list(self.models),
            "versions": list(self.versions),
            "commits": self.commits,
            "blobs": self.blobs,
            "size": self.size,
            "skipped": self.skipped,
            "on_server": self.on_server,
        }

    def __str__(self) -> str:
        return f"{self.source} -> {self.target}: {self._counts()}"

    def _counts(self) -> str:
        if not self.changed:
            return "nothing new"
        told = [
            amount(len(self.versions), "version"),
            amount(self.commits, "commit"),
            f"{amount(self.blobs, 'blob')} ({format_size(self.size)})",
        ]
        told += [f"{self.on_server:,} of them copied by the service itself"] if self.on_server else []
        told += [f"{amount(self.skipped, 'blob')} there already"] if self.skipped else []
        return ", ".join(told)

    def _repr_html_(self) -> str:
        rows = [(html.code(ref),) for ref in self.versions]
        return html.heading(f"{self.source} → {self.target}", self._counts()) + (
            html.table(("new there",), rows) if rows else ""
        )


def amount(count: int, noun: str) -> str:
    """Return a count with its noun, in the plural where that is due."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


class Tally:
    """What was done so far.

    Args:
        callback: Told of bytes done; their sum becomes known bit by bit. It need not be thread-safe.
    """

    def __init__(self, callback: Callback | None) -> None:
        self._callback = callback
        self._lock = threading.Lock()
        self._expected = 0
        self._models: dict[str, None] = {}
        self._versions: dict[str, None] = {}
        self._commits = 0
        self._copied = Copied()

    def expect(self, size: int) -> None:
        """Learn that so many more bytes are to be done."""
        self._expected += size
        if self._callback is not None and size:
            self._callback.set_size(self._expected)

    def __call__(self, count: int) -> None:
        """Tell of bytes done; many threads may."""
        if self._callback is not None and count:
            with self._lock:
                self._callback.relative_update(count)

    def add_blobs(self, copied: Copied) -> None:
        """Count blobs."""
        self._copied += copied

    def add_commit(self, model: str, versions: tuple[str, ...]) -> None:
        """Count a commit that was written; the registry's own is no model's."""
        self._commits += 1
        if model:
            self._models[model] = None
        self._versions.update(dict.fromkeys(f"{model}:{version}" for version in versions))

    def result(self, source: str, target: str) -> Replicated:
        """Return what was done."""
        return Replicated(
            source=source,
            target=target,
            models=tuple(self._models),
            versions=tuple(self._versions),
            commits=self._commits,
            **_counts(self._copied),
        )


def _counts(copied: Copied) -> Mapping[str, int]:
    return {
        "blobs": copied.blobs,
        "size": copied.size,
        "skipped": copied.skipped,
        "on_server": copied.on_server,
    }

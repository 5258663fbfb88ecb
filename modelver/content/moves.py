"""Sources that are moved: gone in the end, and files of their own again where nothing was registered."""

import os
import shutil
import stat
import threading
import uuid
import warnings
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Self

import attrs

from modelver.cache.stamps import Stamp
from modelver.storage.folders import is_name_of
from modelver.storage.reflink import clone


@attrs.frozen
class _Move:
    """A source that the store has now.

    Attributes:
        source: Its old name, which stays until the commit stands (docs/decisions/a-move-ends-after-the-commit.md).
        before: What fstat(2) said of it before its bytes were hashed.
        blob: Where the store keeps the bytes, if that may be the same file.
    """

    source: Path
    before: os.stat_result
    blob: Path | None

    @property
    def is_unchanged(self) -> bool:
        """Whether nobody wrote to it, or put another file in its place."""
        try:
            now, then = Stamp.of(self.source.lstat()), Stamp.of(self.before)
        except OSError:
            return False
        return attrs.evolve(now, ctime_ns=0) == attrs.evolve(then, ctime_ns=0)

    @property
    def is_shared(self) -> bool:
        """Whether the source and the blob are one file."""
        return self.blob is not None and is_name_of(self.blob, self.before) and self.is_unchanged


class Moves:
    """The moves of one registration. As a context manager it gives all files back where the block raises."""

    def __init__(self) -> None:
        self._moves: list[_Move] = []
        self._lock = threading.Lock()

    def add(self, source: Path, before: os.stat_result, blob: Path | None) -> None:
        """Note that the store has a source's bytes; any thread may."""
        with self._lock:
            self._moves.append(_Move(source, before, blob))

    def finish(self) -> None:
        """Take the sources' names away, now that the registry has them for good; changed ones stay."""
        kept = [move.source for move in self._once() if not _is_removed(move)]
        if kept:
            warnings.warn(f"moved, but still at the old place: {_some(kept)}", stacklevel=2)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            kept = [move.source for move in self._once() if move.is_shared and not _is_given_back(move)]
            if kept:
                warnings.warn(f"not registered, but read-only now: {_some(kept)}", stacklevel=2)

    def _once(self) -> Iterable[_Move]:
        return {move.source: move for move in self._moves}.values()


def _is_removed(move: _Move) -> bool:
    with suppress(OSError):
        if move.is_unchanged:
            move.source.unlink()
    return not os.path.lexists(move.source)


def _is_given_back(move: _Move) -> bool:
    """Put a copy with the old mode and times in the place of a source that shares its bytes with a blob."""
    copy = move.source.with_name(f".{move.source.name}.{uuid.uuid4().hex}")
    try:
        _copy(move.source, copy)
        copy.chmod(stat.S_IMODE(move.before.st_mode))
        os.utime(copy, ns=(move.before.st_atime_ns, move.before.st_mtime_ns))
        copy.replace(move.source)
    except OSError:
        with suppress(OSError):
            copy.unlink(missing_ok=True)
        return False
    return True


def _copy(source: Path, target: Path) -> None:
    with source.open("rb") as old, target.open("xb") as new:
        if not clone(old.fileno(), new.fileno()):
            shutil.copyfileobj(old, new, 2**20)


def _some(paths: list[Path]) -> str:
    more = f" and {len(paths) - 3} more" if len(paths) > 3 else ""  # noqa: PLR2004 (names shown)
    return ", ".join(map(str, paths[:3])) + more

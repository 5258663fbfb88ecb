"""Digests remembered under the stamps of files, so that nothing unchanged is hashed twice."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Self

import attrs

from modelver.cache.database import Database
from modelver.values.digest import Digest

MAX_MAP = 16 * 2**20
"""The largest file map that is kept, in bytes; of a larger one only the digest is."""

_ROWS = 200_000
_SIZE = 512 * 2**20
_SECOND = 1_000_000_000
_FINE_GRAIN = _SECOND // 10
_COARSE_GRAIN = 2 * _SECOND


@attrs.frozen
class Stamp:
    """What the file system says of a file's state without reading it.

    Attributes:
        device: Number of the file system that holds it.
        inode: Its number there.
        size: Bytes.
        mtime_ns: When its bytes were last changed, in nanoseconds since the epoch; a program may set this.
        ctime_ns: When its bytes, name count or permissions were last changed, likewise; programs can't set this.
            On Windows the time of its creation.
    """

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> Self:
        """Return the stamp in the answer of `os.stat` or `os.fstat`."""
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)

    def is_young(self, read_started_ns: int) -> bool:
        """Say whether a write after the reading began might have left this very stamp.

        Git calls such files "racily clean" (Documentation/technical/racy-git): clocks of file systems tick, so a
        file that was changed, read, and changed again within one tick has equal times but other bytes. A stamp
        proves something only where both times lie before the reading by more than a tick. 100 ms cover the
        kernel's tick and a network file server's clock; a time without a part below the second may come
        from FAT, which counts in steps of two seconds. A time in the future proves nothing either.

        Args:
            read_started_ns: `time.time_ns()` from before the file's first byte was read.
        """
        return any(
            time_ns > read_started_ns - (_FINE_GRAIN if time_ns % _SECOND else _COARSE_GRAIN)
            for time_ns in (self.mtime_ns, self.ctime_ns)
        )


@attrs.frozen
class Remembered:
    """What is known of a file's bytes.

    Attributes:
        sha256: 64 hexadecimal digits.
        map: The file map's stored bytes, as they were given to `StampCache.remember`; None where none was.
    """

    sha256: str
    map: bytes | None = None


@attrs.frozen
class Reading:
    """A finished reading of a file.

    Attributes:
        stamp: The file's stamp, the same before and after the reading.
        remembered: What was found out.
        read_started_ns: `time.time_ns()` from before the first byte was read.
    """

    stamp: Stamp
    remembered: Remembered
    read_started_ns: int


class StampCache:
    """Digests and file maps under stamps, shared by all processes of the user.

    Nothing here raises for what the machine does: where the cache can't be used or is not private, nothing is found.
    A file has one entry, that of its latest stamp.

    Args:
        cache_dir: The cache folder; not touched before the first use.
    """

    def __init__(self, cache_dir: Path) -> None:
        self._database = Database(cache_dir, "stamps", rows=_ROWS, size=_SIZE)

    def find(self, stamp: Stamp) -> Remembered | None:
        """Return what is known of the file with exactly this stamp."""
        return self.find_many([stamp]).get(stamp)

    def find_ignoring_ctime(self, stamp: Stamp) -> Remembered | None:
        """Return what is known of the file if only its ctime may differ.

        A new name or other permissions change the ctime, but so does a write whose mtime was set back: the caller
        settles it by a fast check of the bytes.
        """
        return self.find_many([stamp], ignore_ctime=True).get(stamp)

    def find_many(self, stamps: Iterable[Stamp], *, ignore_ctime: bool = False) -> dict[Stamp, Remembered]:
        """Return what is known of many files, in one go.

        Args:
            stamps: What to look for.
            ignore_ctime: As `find_ignoring_ctime`.

        Returns:
            An entry for each stamp that is known.
        """
        wanted = list(stamps)
        values = self._database.get(_key(stamp) for stamp in wanted)
        found: dict[Stamp, Remembered] = {}
        for stamp in wanted:
            remembered = _decode(values.get(_key(stamp)), stamp, ignore_ctime=ignore_ctime)
            if remembered is not None:
                found[stamp] = remembered
        return found

    def remember(self, stamp: Stamp, sha256: str, map: bytes | None, *, read_started_ns: int) -> None:  # noqa: A002 (the field's name)
        """Keep what was found out about a file, unless it is too young for its stamp to prove anything.

        Args:
            stamp: The file's stamp, the same before and after it was read.
            sha256: 64 hexadecimal digits.
            map: The stored bytes of its file map, if there is one.
            read_started_ns: `time.time_ns()` from before the first byte was read.

        Raises:
            InvalidValue: `sha256` is something else.
        """
        self.remember_many([Reading(stamp, Remembered(sha256, map), read_started_ns)])

    def remember_many(self, readings: Iterable[Reading]) -> None:
        """Keep what was found out about many files, in one go; as `remember`.

        Raises:
            InvalidValue: A digest is not 64 hexadecimal digits; nothing was kept.
        """
        self._database.put(
            {
                _key(reading.stamp): _encode(reading.stamp, reading.remembered)
                for reading in readings
                if not reading.stamp.is_young(reading.read_started_ns)
            }
        )

    def forget(self, stamps: Iterable[Stamp]) -> None:
        """Forget files, whatever their state was."""
        self._database.delete([_key(stamp) for stamp in stamps])

    def prune(self, rows: int = 0) -> None:
        """Forget all files but the most recently used ones.

        Without this too the cache is bounded: 200,000 files and about 512 MiB.

        Args:
            rows: How many to keep.
        """
        self._database.prune(rows)


def _key(stamp: Stamp) -> bytes:
    return f"{stamp.device}:{stamp.inode}".encode()


def _encode(stamp: Stamp, remembered: Remembered) -> bytes:
    """Return ``size mtime_ns ctime_ns sha256``, and the map after a line break where there is one."""
    sha256 = Digest.from_hex(remembered.sha256).hex
    head = f"{stamp.size} {stamp.mtime_ns} {stamp.ctime_ns} {sha256}".encode()
    data = remembered.map
    return head if data is None or len(data) > MAX_MAP else head + b"\n" + data


def _decode(value: bytes | None, stamp: Stamp, *, ignore_ctime: bool) -> Remembered | None:
    if value is None:
        return None
    head, has_map, data = value.partition(b"\n")
    size, mtime_ns, ctime_ns, sha256 = head.decode().split(" ")
    if (int(size), int(mtime_ns)) != (stamp.size, stamp.mtime_ns):
        return None
    if int(ctime_ns) != stamp.ctime_ns and not ignore_ctime:
        return None
    return Remembered(sha256, data if has_map else None)

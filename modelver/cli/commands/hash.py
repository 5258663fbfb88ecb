"""``modelver hash``."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import click

from modelver.cli.options import Call, verb
from modelver.cli.progress import Bar
from modelver.cli.terminal import on_terminal, write, write_json
from modelver.values.shown import one_line

if TYPE_CHECKING:
    from modelver.values.canonical import Json
    from modelver.values.filemap import FileDigest

Job: TypeAlias = tuple[str, Path, int]
"""A file's name in the output, where it is, and its size."""


@verb("hash")
@click.argument("paths", nargs=-1, required=True, type=click.Path(), metavar="PATH...")
def command(call: Call, *, paths: tuple[str, ...]) -> None:
    """Print the SHA-256 of files, as sha256sum does.

    Of a folder, all files below it are hashed. Nothing is printed unless all could be read. No registry is opened.
    """
    from modelver.hashing.parallel import run_largest_first
    from modelver.hashing.stream import hash_file

    jobs = [job for path in paths for job in _jobs(path)]

    with Bar("hashing") as bar:
        bar.set_size(sum(size for _, _, size in jobs))

        def work(job: Job, cancelled: threading.Event) -> "FileDigest":
            return hash_file(job[1], on_bytes=bar.relative_update, cancelled=cancelled)

        digests = run_largest_first(jobs, lambda job: job[2], work)
    found = [(name, digest) for (name, _, _), digest in zip(jobs, digests, strict=True)]
    if call.as_json:
        files: list[Json] = [
            {"path": name, "sha256": digest.sha256, "size": digest.size} for name, digest in found
        ]
        write_json({"files": files})
        return
    for name, digest in found:
        write(_line(digest.sha256, name))


def _jobs(path: str) -> Iterator[Job]:
    from modelver.hashing.tree import files_below

    place = Path(path)
    if not place.is_dir():
        yield path, place, place.stat().st_size if place.exists() else 0
        return
    for inside, (file, size) in files_below(place).items():
        yield os.path.join(path, inside), file, size  # noqa: PTH118 (the caller's own spelling stays)


def _line(sha256: str, name: str) -> str | bytes:
    """Return a line that ``sha256sum --check`` reads: it marks escaped names with a backslash at the start."""
    if on_terminal():
        return f"{sha256}  {one_line(name)}"
    escaped = name.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return os.fsencode(f"{'' if escaped == name else chr(92)}{sha256}  {escaped}")

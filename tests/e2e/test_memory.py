"""Memory stays bounded, however large a version is."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.registries import MODEL

from .processes import Process

LIMIT = 150 * 10**6
GIGABYTE = 2**30
SIZES = [GIGABYTE // 4, pytest.param(8 * GIGABYTE, marks=[pytest.mark.full, pytest.mark.timeout(3600)])]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """Give a folder, and take it away at once: pytest would keep some of these."""
    yield tmp_path
    for path in tmp_path.rglob("*"):
        if path.is_dir():
            path.chmod(0o755)
    shutil.rmtree(tmp_path)


def shards(folder: Path, size: int, count: int) -> Path:
    """Make a model of so many bytes in files that differ, and take no space themselves."""
    if shutil.disk_usage(folder).free < 3 * size:
        pytest.fail(f"this test needs {3 * size / GIGABYTE:.1f} GiB: free them in {folder}, or set TMPDIR")
    (folder / "build").mkdir()
    for number in range(count):
        with (folder / "build" / f"model-{number}.bin").open("wb") as file:
            file.write(b"%d" % number)
            file.truncate(size // count)
    return folder / "build"


@pytest.mark.parametrize("count", [1, 4])
@pytest.mark.parametrize("size", SIZES)
def test_memory_is_bounded(size: int, count: int, place: Path) -> None:
    """Registering, loading and verifying each stay below 150 MB, the interpreter included."""
    build = shards(place, size, count)
    root, cache = place / "registry", place / "cache"
    for verb, argument, options in (
        ("register", [MODEL, str(build)], {}),
        ("load", [f"{MODEL}:1.0.0"], {}),
        ("load", [f"{MODEL}:1.0.0"], {"verify": "full"}),
        ("load", [f"{MODEL}:1.0.0"], {"verify": "fast"}),
        ("verify", [], {}),
    ):
        with Process(root, cache) as process:
            process.call(verb, *argument, **options)
            peak = process.call("peak_memory")
        assert peak < LIMIT, f"{verb} {options} took {peak / 10**6:.0f} MB"
    assert os.path.getsize(build / "model-0.bin") == size // count  # noqa: PTH202 (a path's size)

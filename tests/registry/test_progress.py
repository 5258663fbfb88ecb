"""Progress: told in bytes, adding up to what was announced, whichever way the work went."""

from pathlib import Path

import fsspec
import pytest
from fsspec.callbacks import Callback

import modelver as mv
from tests.registries import MODEL, write_tree

SIZE = 3_000_000


class Totals(Callback):
    """Notes every figure."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int | None] = []
        self.steps: list[int] = []

    def set_size(self, size: int | None) -> None:
        """Note what was announced."""
        self.sizes.append(size)

    def relative_update(self, inc: int = 1) -> None:
        """Note what was done."""
        self.steps.append(inc)

    def check(self, size: int) -> None:
        """See that all was told, and no more."""
        assert self.sizes == [size]
        assert sum(self.steps) == size
        assert min(self.steps) > 0


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """Give a folder whose files take several readings."""
    return write_tree(tmp_path / "large", {f"{number}.bin": bytes([number]) * SIZE for number in range(3)})


@pytest.mark.parametrize("move", [False, True])
@pytest.mark.parametrize("kind", ["registry", "memory"])
def test_registering_tells_every_byte_once(
    move: bool, kind: str, large: Path, request: pytest.FixtureRequest
) -> None:
    """Copied, moved, known, from elsewhere or from memory."""
    registry: mv.Registry = request.getfixturevalue(kind)
    fsspec.filesystem("memory").pipe(f"{large}/far", b"x" * 1000)
    sources = {"here": large, "far": f"memory:/{large}/far", "bytes": b"y" * 70}
    for _ in range(2):
        totals = Totals()
        registry.register(MODEL, sources, move=move, callback=totals, capture=False)
        totals.check(3 * SIZE + 1070)
        if move:
            return


def test_loading_tells_every_byte_once(registry: mv.Registry, large: Path, tmp_path: Path) -> None:
    """Cold, warm and trusted, in part, to a place of one's own."""
    version = registry.register(MODEL, large, capture=False)
    for options, size in (
        ({}, 3 * SIZE),
        ({}, 3 * SIZE),
        ({"verify": "fast"}, 3 * SIZE),
        ({"verify": "full"}, 3 * SIZE),
        ({"include": "0.bin"}, SIZE),
        ({"to": tmp_path / "mine"}, 3 * SIZE),
    ):
        totals = Totals()
        registry.load(version, callback=totals, **options)  # type: ignore[arg-type] # one of each kind
        totals.check(size)


def test_loading_from_memory_tells_every_byte_once(memory: mv.Registry, large: Path) -> None:
    """Stores without files too."""
    totals = Totals()
    memory.load(memory.register(MODEL, large, capture=False), callback=totals)
    totals.check(3 * SIZE)


@pytest.mark.parametrize("kind", ["registry", "memory"])
def test_verifying_tells_every_byte_once(kind: str, large: Path, request: pytest.FixtureRequest) -> None:
    """The sizes of all blobs, manifests and maps among them, whole or damaged."""
    registry: mv.Registry = request.getfixturevalue(kind)
    version = registry.register(MODEL, large, capture=False)
    for ref in (None, version):
        totals = Totals()
        assert registry.verify(ref, callback=totals)
        assert totals.sizes[0] is not None
        assert totals.sizes[0] > 3 * SIZE
        totals.check(totals.sizes[0])


def test_a_failing_callback_fails_the_work(registry: mv.Registry, large: Path) -> None:
    """What a callback raises, such as an interruption, reaches the caller; nothing is registered."""

    class Failing(Totals):
        """Gives up."""

        def relative_update(self, inc: int = 1) -> None:
            """Give up."""
            raise TimeoutError(inc)

    with pytest.raises(TimeoutError):
        registry.register(MODEL, large, callback=Failing(), capture=False)
    assert registry.models() == []

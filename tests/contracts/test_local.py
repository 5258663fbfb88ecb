"""Local stores keep the contract."""

from pathlib import Path

import pytest

from modelver.storage.local import LocalStore
from modelver.storage.store import Store

from .store import StoreContract


class TestLocalStore(StoreContract):
    """A folder on a local disk."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> Store:
        """Give a store in a folder that is not there yet."""
        return LocalStore(tmp_path / "some" / "registry")

    def behind(self, store: Store) -> dict[str, bytes]:
        """Read the folder's files."""
        root = Path(store.url)
        return {
            path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()
        }

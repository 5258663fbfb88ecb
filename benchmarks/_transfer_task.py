"""What a client of the benchmark of transfers is told."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KEY, SECRET, REGION = "modelver", "modelver-secret", "us-east-1"
PART = 16 * 2**20
AT_ONCE = 8

Job = Callable[[], object]


@dataclass(frozen=True)
class Task:
    """What to move.

    Attributes:
        client: A name in `CLIENTS`.
        down: Whether to download.
        endpoint: The server.
        bucket: Which exists.
        prefix: Where uploads go, without slashes.
        registry: Whether the server keeps what it is given, so that a registry can be there; else blobs only.
        source: The folder with the files to upload.
        target: A folder for downloads, which does not exist.
        cache: modelver's.
        objects: Keys, sizes and digests of the objects to download.
    """

    client: str
    down: bool
    endpoint: str
    bucket: str
    prefix: str
    registry: bool
    source: str
    target: str
    cache: str
    objects: tuple[tuple[str, int, str], ...]

    @property
    def files(self) -> list[Path]:
        """The files to upload."""
        return sorted(Path(self.source).iterdir())

    def options(self) -> dict[str, Any]:
        """Return the credentials in s3fs's words."""
        return {"key": KEY, "secret": SECRET, "endpoint_url": self.endpoint}

    def new_folder(self) -> Path:
        """Make the folder for downloads."""
        folder = Path(self.target)
        folder.mkdir()
        return folder

"""Objects of Azure in parts: blocks that wait for a list of them (Azure Blob Storage REST API, "Put Block").

A block's name has its number, the size of parts and a digest of its bytes, so the list of those that wait tells which
bytes are there. The service drops them after a week, or when the blob is written; it has no way to give them up.
"""

from collections.abc import Callable, Coroutine
from io import BytesIO
from typing import Any, Protocol, TypeVar

from modelver.storage.remote.azure_faults import trouble
from modelver.storage.remote.bucket import Fault, part_size, parts_at_once

T = TypeVar("T")


class Container(Protocol):
    """What an upload needs of its container."""

    options: dict[str, Any]

    def blob(self, key: str) -> Any:
        """Return the client of a blob."""
        ...

    def run(self, work: Callable[[], Coroutine[Any, Any, T]], size: int = 0) -> T:
        """Return what a coroutine returns that sends or receives so many bytes."""
        ...


class AzureUpload:
    """An upload in blocks; its steps raise azure-core's errors. See `Upload`."""

    def __init__(self, container: Container, key: str, size: int) -> None:
        self._container = container
        self._blob = container.blob(key)
        self._options = container.options
        self.part_size = part_size(size)
        self.at_once = parts_at_once(self.part_size)
        self._there = container.run(self._waiting)
        self._names: dict[int, str] = {}

    async def _waiting(self) -> dict[str, int]:
        """Return the names and sizes of the blocks that wait."""
        from azure.core.exceptions import ResourceNotFoundError

        try:
            _, waiting = await self._blob.get_block_list("uncommitted", **self._options)
        except ResourceNotFoundError as error:
            if trouble(error).fault is Fault.NO_PLACE:
                raise
            return {}
        return {block.id: block.size for block in waiting}

    def send(self, number: int, data: bytes) -> bool:
        """Send a block, unless the service has it; the service checks its MD5."""
        import xxhash

        name = f"{number:05d}-{self.part_size:012x}-{xxhash.xxh3_128_hexdigest(data)}"
        self._names[number] = name
        if self._there.get(name) == len(data):
            return False
        self._container.run(
            lambda: self._blob.stage_block(
                name, BytesIO(data), len(data), validate_content=True, **self._options
            ),
            len(data),
        )
        return True

    def finish(self) -> None:
        """Make a blob of the blocks, unless there is one."""
        from azure.core import MatchConditions
        from azure.storage.blob import BlobBlock

        blocks = [BlobBlock(name) for _, name in sorted(self._names.items())]
        self._container.run(
            lambda: self._blob.commit_block_list(
                blocks, match_condition=MatchConditions.IfMissing, **self._options
            )
        )

    def abort(self) -> None:
        """Leave the blocks to the service, which drops them after a week."""

    def close(self) -> None:
        """Nothing of it is on this machine."""

"""What was laid out for a server."""

import attrs

from modelver.values import html
from modelver.values.canonical import Json
from modelver.values.file import FileEntry
from modelver.values.model_version import ModelVersion
from modelver.values.sizes import format_size


@attrs.frozen
class Materialized:
    """A version that stands where a server reads it.

    Attributes:
        where: The place, as it was asked for: an absolute path or an address without credentials.
        path: The folder or address of the version's own files, which stay as they are while others come.
        version: The version.
        layout: ``plain``, ``triton`` or ``vllm``.
        number: The version's number for servers that want whole ones: the how-manieth of its model it is.
        files: The files, with their paths in `path`.
        copied: Bytes that were written there.
        linked: Bytes of files that share their blocks with the registry's or the cache's, and took no space.
        on_server: Bytes that the store copied by itself.
        changed: Whether anything changed for those who read there.
    """

    where: str
    path: str
    version: ModelVersion
    layout: str
    number: int
    files: tuple[FileEntry, ...]
    copied: int = 0
    linked: int = 0
    on_server: int = 0
    changed: bool = True

    def __str__(self) -> str:
        done = "stands" if self.changed else "stood already"
        told = [
            f"{format_size(size)} {how}"
            for size, how in (
                (self.copied, "copied"),
                (self.linked, "shared"),
                (self.on_server, "copied by the store"),
            )
            if size
        ]
        return f"{self.version.ref} {done} in {self.path}" + (f" ({', '.join(told)})" if told else "")

    def to_dict(self) -> dict[str, Json]:
        """Return it as JSON data."""
        return {
            "ref": self.version.ref,
            "version": str(self.version.version),
            "digest": str(self.version.digest),
            "layout": self.layout,
            "where": self.where,
            "path": self.path,
            "number": self.number,
            "files": [file.path for file in self.files],
            "copied": self.copied,
            "linked": self.linked,
            "on_server": self.on_server,
            "changed": self.changed,
        }

    def _repr_html_(self) -> str:
        rows = [(html.code(file.path), html.text(format_size(file.size))) for file in self.files[:50]]
        return html.heading(f"{self.version.ref} as {self.layout}", self.path) + html.table(
            ("file", "size"), rows
        )

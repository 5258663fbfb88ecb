"""The mark at a place where versions stand: whose it is, which version is current, and what each is made of."""

from collections.abc import Mapping, Sequence
from typing import Self, cast

import attrs

from modelver.errors import AlreadyExists, InvalidValue
from modelver.values.canonical import Json, decode_object, encode
from modelver.values.file import FileEntry

NAME = "modelver.json"
MAX_MARK = 64 * 2**20
_FORMAT = 1


@attrs.frozen
class Standing:
    """One version at a place.

    Attributes:
        folder: Its folder's name there.
        version: Its number.
        digest: Its digest.
        files: Its files, with their paths in the folder.
        is_whole: Whether all of them were there, verified, when this was written.
        retired: Since when it is not the current one, in seconds since 1970; None while it is.
    """

    folder: str
    version: str
    digest: str
    files: tuple[FileEntry, ...]
    is_whole: bool = False
    retired: float | None = None

    def has(self, digest: str, files: Sequence[FileEntry]) -> bool:
        """Tell whether this is a version in this very layout."""
        return self.digest == digest and list(map(_content, self.files)) == list(map(_content, files))

    def lacking(self, files: Sequence[FileEntry]) -> list[FileEntry]:
        """Return those of its files that are not among others."""
        others = set(map(_content, files))
        return [each for each in self.files if _content(each) not in others]


def _content(file: FileEntry) -> tuple[str, int, str]:
    """Return what a mark keeps of a file."""
    return file.path, file.size, file.sha256


@attrs.frozen
class Mark:
    """What is known of a place.

    Attributes:
        registry: The id of the registry that the versions are from.
        model: The model's folder name.
        layout: The layout's name.
        current: The folder of the current version; empty where there is none yet.
        standing: The versions that stand there, the newest last.
    """

    registry: str
    model: str
    layout: str
    current: str = ""
    standing: tuple[Standing, ...] = ()

    def check_same(self, other: "Mark", where: str) -> None:
        """Refuse a place that is another registry's, another model's or in another layout.

        Raises:
            AlreadyExists: It is.
        """
        ours, theirs = other.whose(), self.whose()
        differ = [key for key, value in ours.items() if theirs[key] != value]
        if differ:
            raise AlreadyExists(
                "something else is laid out here already",
                where=where,
                expected=", ".join(f"{key} {ours[key]}" for key in differ),
                found=", ".join(f"{key} {theirs[key]}" for key in differ),
                hint="Choose another place, or remove this one.",
            )

    def whose(self) -> dict[str, str]:
        """Return what a place is bound to, in the words of an error."""
        model = self.model.replace("--", "/", 1)
        return {"registry": self.registry[:12], "model": model, "layout": self.layout}

    def find(self, folder: str) -> Standing | None:
        """Return what stands in a folder."""
        return next((each for each in self.standing if each.folder == folder), None)

    def of(self, digest: str, files: Sequence[FileEntry]) -> list[Standing]:
        """Return where a version stands in this very layout: the current one first, then the newest whole one."""
        found = [each for each in reversed(self.standing) if each.has(digest, files)]
        return sorted(found, key=lambda each: (each.folder != self.current, not each.is_whole))

    def with_(self, standing: Standing) -> "Mark":
        """Return this mark with another version, which becomes the newest."""
        others = tuple(each for each in self.standing if each.folder != standing.folder)
        return attrs.evolve(self, standing=(*others, standing))

    def without(self, folders: Sequence[str]) -> "Mark":
        """Return this mark without some versions."""
        return attrs.evolve(
            self, standing=tuple(each for each in self.standing if each.folder not in folders)
        )

    def pointing(self, folder: str, now: float) -> "Mark":
        """Return this mark with another current version; the one before is retired.

        What else holds that very version was damaged, or is spare: it no longer counts as one that is kept.
        """
        moved = [attrs.evolve(each, retired=None) for each in self.standing if each.folder == folder]
        others = [
            attrs.evolve(
                each,
                retired=now if each.retired is None else each.retired,
                is_whole=each.is_whole and not any(each.has(one.digest, one.files) for one in moved),
            )
            for each in self.standing
            if each.folder != folder
        ]
        return attrs.evolve(self, current=folder, standing=(*others, *moved))

    def outdated(self, keep: int, grace: float, now: float) -> list[Standing]:
        """Return the versions that may go: all but the newest ones, once they are retired for long enough."""
        spare = [each for each in self.standing if each.folder != self.current]
        whole = [each for each in spare if each.is_whole]
        kept = whole[max(0, len(whole) - (keep - 1)) :]
        return [
            each
            for each in spare
            if each not in kept and each.retired is not None and now - each.retired >= grace
        ]

    def to_bytes(self) -> bytes:
        """Return the mark as JSON, for other programs too."""
        versions: dict[str, Json] = {each.folder: _to_json(each) for each in self.standing}
        body: dict[str, Json] = {
            "format": _FORMAT,
            "registry": self.registry,
            "model": self.model,
            "layout": self.layout,
            "current": self.current,
            "order": [each.folder for each in self.standing],
            "versions": versions,
        }
        return encode(body)

    @classmethod
    def from_bytes(cls, data: bytes, *, what: str) -> Self:
        """Read a mark, which anybody may have written.

        Raises:
            InvalidValue: It is none, or of a newer release.
        """
        body = decode_object(data, what=what)
        try:
            if body["format"] != _FORMAT:
                raise InvalidValue(
                    "the mark of a newer release", where=what, hint="Install a newer modelver."
                )
            versions = cast("Mapping[str, Mapping[str, Json]]", body["versions"])
            order = cast("Sequence[str]", body["order"])
            registry, model, layout, current = (
                str(body[key]) for key in ("registry", "model", "layout", "current")
            )
            standing = tuple(_from_json(folder, versions[folder]) for folder in order)
            return cls(registry, model, layout, current, standing)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            if isinstance(error, InvalidValue):
                raise
            raise InvalidValue(
                "not a mark of modelver", where=what, hint="Move this file away, or choose another place."
            ) from None


def _to_json(standing: Standing) -> Mapping[str, Json]:
    files: dict[str, Json] = {
        each.path: {"size": each.size, "sha256": each.sha256} for each in standing.files
    }
    return {
        "version": standing.version,
        "digest": standing.digest,
        "files": files,
        "whole": standing.is_whole,
        "retired": standing.retired,
    }


def _from_json(folder: str, body: Mapping[str, Json]) -> Standing:
    found = cast("Mapping[str, Mapping[str, Json]]", body["files"])
    files = tuple(
        FileEntry(path, int(cast("int", each["size"])), str(each["sha256"]))
        for path, each in sorted(found.items())
    )
    if FileEntry(folder, 0, "0" * 64).path != folder or "/" in folder:
        raise InvalidValue("not a folder's name", where=repr(folder)[:80])
    retired = body.get("retired")
    return Standing(
        folder,
        str(body["version"]),
        str(body["digest"]),
        files,
        is_whole=body.get("whole") is True,
        retired=None if retired is None else float(cast("float", retired)),
    )

"""The git checkout around a folder.

A checkout may come out of a stranger's archive with settings of its own, so git is kept from starting what those name:
hooks, file system monitors, filters, fetches. Two calls are enough for most checkouts.
"""

import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import attrs

from modelver.capture.process import Git, find_git
from modelver.values.provenance import Code
from modelver.values.url import without_credentials

PATIENCE = 5.0
"""Seconds after which a checkout is too large to be asked whether it is dirty; hashing goes on meanwhile."""

_SETTINGS = r"^(remote\..*\.url|filter\..*\.(clean|process)|lfs\.extension\..*|submodule\..*)$"
_TRUSTED_SCOPES = frozenset({"system", "global", "command"})
_GIT_LFS = frozenset(
    {"git-lfs clean -- %f", "git-lfs filter-process", "git-lfs filter-process --skip"}
)  # what `git lfs install` writes
_REMOTES = ("origin", "upstream")
_PATH_AT = {"1 ": 8, "u ": 10}
"""Kind of a changed file's entry to the number of its field with the path, which may have spaces."""


@attrs.frozen
class _Setting:
    own: bool  # set by the checkout itself, not by the user or the machine
    key: str
    value: str


def capture_code(folder: Path, *, patience: float = PATIENCE) -> Code | None:
    """Return the checkout that a folder is in.

    Args:
        folder: The folder, or a file in it.
        patience: Seconds after which `Code.dirty` stays None.

    Returns:
        The checkout; None where the folder is in none, git is missing or older than 2.26, or git doesn't trust the
        checkout (`safe.directory`).
    """
    place = _resolve(folder)
    git = find_checkout(place, patience=patience)
    settings = _settings(git) if git else None
    if git is None or settings is None:
        return None
    top = git.top
    status = _status(git, settings)
    head = _head_of_status(status) if status is not None else _head(git)
    if head is None:
        return None
    inside = place.parent if place.is_file() else place
    path = inside.relative_to(top).as_posix() if inside != top else ""
    return Code(_remote(settings), *head, _dirty(git, settings, status), path)


def find_checkout(folder: Path, *, patience: float) -> Git | None:
    """Return git in the checkout that a folder is in; None where it is in none, or git is missing.

    Args:
        folder: The folder, or a file in it.
        patience: Seconds that git may take from now on.
    """
    place = _resolve(folder)
    top = next((here for here in (place, *place.parents) if _has_git(here)), None)
    return find_git(top, time.monotonic() + patience) if top else None


def changed_files(git: Git) -> tuple[str, ...]:
    """Return the tracked files that differ from the commit, as paths from the checkout's top; those of submodules not."""
    settings = _settings(git)
    status = _status(git, settings) if settings is not None else None
    return tuple(entry.split(" ", _PATH_AT[entry[:2]])[-1] for entry in status or () if entry[:2] in _PATH_AT)


def changed_submodules(git: Git) -> tuple[str, ...] | None:
    """Return the submodules in which tracked files differ, as paths from the checkout's top; None where that is not known."""
    settings = _settings(git)
    if settings is None:
        return None
    dirty = {each.top: _is_dirty(each) for each in _submodules(git, settings)}
    if None in dirty.values():
        return None
    return tuple(top.relative_to(git.top).as_posix() for top, is_dirty in dirty.items() if is_dirty)


def _resolve(path: Path) -> Path:
    return Path(os.path.realpath(path))  # pathlib's raises where links go round in a circle


def _has_git(folder: Path) -> bool:
    return os.path.exists(folder / ".git")  # noqa: PTH110 (pathlib's raises where the folder may not be entered)


def _settings(git: Git) -> list[_Setting] | None:
    # Status 1 means that nothing matched.
    listed = git.run("config", "--show-scope", "-z", "--get-regexp", _SETTINGS, success=(0, 1))
    if listed is None:
        return None
    fields = listed.split("\0")
    pairs = [
        (scope, *item.partition("\n")[::2]) for scope, item in zip(fields[::2], fields[1::2], strict=False)
    ]
    return [_Setting(scope not in _TRUSTED_SCOPES, key, value) for scope, key, value in pairs]


def _status(git: Git, settings: Sequence[_Setting]) -> list[str] | None:
    """Return headers and changed files, an entry each (git-status(1), "Porcelain Format Version 2", with -z)."""
    overrides = _without_filters(settings)
    if overrides is None:
        return None
    # Git would look into submodules with their settings; _dirty does so with care.
    arguments = (
        "--porcelain=v2",
        "-z",
        "--branch",
        "--untracked-files=no",
        "--no-renames",
        "--ignore-submodules=dirty",
    )
    status = git.run("status", *arguments, overrides=overrides)
    return None if status is None else [entry for entry in status.split("\0") if entry]


def _without_filters(settings: Iterable[_Setting]) -> list[str] | None:
    """Return settings that turn all filters off where the checkout names programs itself; None where that can't be.

    Without its filter a file counts as changed if it was touched and its bytes differ from the stored ones.
    """
    programs = [setting for setting in settings if setting.key.startswith(("filter.", "lfs."))]
    if not any(setting.own and setting.value not in _GIT_LFS for setting in programs):
        return []
    filters = (setting.key.split(".", 1)[1] for setting in programs if setting.key.startswith("filter."))
    names = {name.rpartition(".")[0] for name in filters}
    if any("=" in name for name in names):  # `-c` takes the name up to the first one
        return None
    return [
        f"filter.{name}.{end}" for name in sorted(names) for end in ("clean=", "process=", "required=false")
    ]


def _head_of_status(status: Sequence[str]) -> tuple[str, str]:
    """Return commit and branch, each empty if there is none."""
    commit, branch = (
        next((entry.removeprefix(name) for entry in status if entry.startswith(name)), "")
        for name in ("# branch.oid ", "# branch.head ")
    )
    return ("" if commit == "(initial)" else commit, "" if branch == "(detached)" else branch)


def _head(git: Git) -> tuple[str, str] | None:
    """Return commit and branch without looking at any file, where looking at all of them takes too long."""
    found = attrs.evolve(git, deadline=time.monotonic() + 1).run("rev-parse", "HEAD", "--abbrev-ref", "HEAD")
    commit, _, branch = (found or "").rstrip().partition("\n")
    return (commit, "" if branch == "HEAD" else branch) if commit else None


def _remote(settings: Iterable[_Setting]) -> str:
    urls: dict[str, str] = {}
    for setting in settings:
        if setting.key.startswith("remote."):
            urls.setdefault(setting.key.removeprefix("remote.").removesuffix(".url"), setting.value)
    name = next((name for name in (*_REMOTES, *sorted(urls)) if name in urls), "")
    return without_credentials(urls.get(name, ""))


def _dirty(git: Git, settings: Sequence[_Setting], status: Sequence[str] | None) -> bool | None:
    """Say whether tracked files differ from the commit, in submodules too; None where that is not known."""
    if status is None:
        return None
    if any(not entry.startswith("#") for entry in status):
        return True
    answers = [_is_dirty(submodule) for submodule in _submodules(git, settings)]
    return True if True in answers else None if None in answers else False


def _is_dirty(git: Git) -> bool | None:
    settings = _settings(git)
    return None if settings is None else _dirty(git, settings, _status(git, settings))


def _submodules(git: Git, settings: Iterable[_Setting]) -> list[Git]:
    """Return the submodules that are checked out."""
    if not any(setting.key.startswith("submodule.") for setting in settings):
        return []
    listed = git.run("config", "--file", ".gitmodules", "-z", "--get-regexp", r"^submodule\..*\.path$")
    paths = (item.partition("\n")[2] for item in (listed or "").split("\0"))
    places = {_resolve(git.top / path) for path in paths if path}
    # Strictly inside, so that a path that leads up, or a link, has no second turn.
    inside = (place for place in sorted(places) if place != git.top and place.is_relative_to(git.top))
    return [attrs.evolve(git, top=place) for place in inside if _has_git(place)]

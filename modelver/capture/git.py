"""The git checkout that somebody works in, asked of git itself, carefully: the repository is not ours."""

import os
import subprocess
from pathlib import Path

from modelver.values.provenance import Code
from modelver.values.url import without_credentials

_PATIENCE = 5.0
_SAFE = ("-c", "core.fsmonitor=false", "-c", "core.untrackedCache=false", "-c", "core.hooksPath=/dev/null")
_REMOTES = ("origin", "upstream")


def capture_code(folder: Path) -> Code | None:
    """Return the checkout around a folder; None without git, or outside of a repository."""
    top = _git(folder, "rev-parse", "--show-toplevel", "--show-prefix")
    if top is None:
        return None
    path = [*top.splitlines(), "", ""][1].rstrip("/")
    status = _git(folder, "status", "--porcelain=v2", "--branch", "--untracked-files=no")
    commit, branch, dirty = _read_status(status)
    return Code(_remote(folder), commit, branch, dirty, path)


def _read_status(status: str | None) -> tuple[str, str, bool | None]:
    """Read the format of git-status(1), section "Porcelain Format Version 2"."""
    if status is None:
        return "", "", None
    commit = branch = ""
    dirty = False
    for line in status.splitlines():
        if line.startswith("# branch.oid "):
            commit = line.removeprefix("# branch.oid ")
        elif line.startswith("# branch.head "):
            branch = line.removeprefix("# branch.head ")
        elif not line.startswith("#"):
            dirty = True
    return commit if commit != "(initial)" else "", branch if branch != "(detached)" else "", dirty


def _remote(folder: Path) -> str:
    listed = _git(folder, "config", "--get-regexp", r"^remote\..*\.url$") or ""
    urls = {}
    for line in listed.splitlines():
        key, _, url = line.partition(" ")
        urls[key.removeprefix("remote.").removesuffix(".url")] = url
    name = next((name for name in _REMOTES if name in urls), next(iter(urls), ""))
    return without_credentials(urls.get(name, ""))


def _git(folder: Path, *arguments: str) -> str | None:
    """Run git without locks, hooks and questions; None where it fails or takes too long."""
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    try:
        done = subprocess.run(  # noqa: S603 (a fixed program and fixed arguments)
            ["git", *_SAFE, "-C", os.fspath(folder), *arguments],  # noqa: S607 (the user's own git)
            capture_output=True,
            timeout=_PATIENCE,
            env=environment,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode(errors="replace") if done.returncode == 0 else None

"""Where a version came from, as it was captured: kept beside the version, never part of its identity.

No time is in here, so that registering twice from the same place stores one provenance.
`register(capture=False)` records none of it.
"""

from collections.abc import Mapping

import attrs

from modelver.values.canonical import Json


def _sorted(packages: Mapping[str, str]) -> dict[str, str]:
    return dict(sorted(packages.items()))


def _text(value: str) -> str:
    """Replace what has no UTF-8: names of files and variables may hold bytes that are no text (PEP 383)."""
    return value.encode(errors="replace").decode()


@attrs.frozen
class Code:
    """The git checkout that the caller worked in.

    Attributes:
        repository: URL of the remote, without passwords, tokens and query strings; empty without a remote.
        commit: The commit that was checked out, in hexadecimal digits; empty before the first commit.
        branch: The branch that was checked out; empty where HEAD is detached.
        dirty: True where a tracked file differs from the commit, staged or not, in submodules too. Untracked files
            don't count: builds and data lie about in most checkouts. None where it could not be found out in time.
        path: The folder inside the repository, as a POSIX path; empty for its top.
        unknown: Fields that a newer release wrote; kept as they are.
    """

    repository: str = attrs.field(default="", converter=_text)
    commit: str = attrs.field(default="", converter=_text)
    branch: str = attrs.field(default="", converter=_text)
    dirty: bool | None = None
    path: str = attrs.field(default="", converter=_text)
    unknown: Mapping[str, Json] = attrs.field(factory=dict, hash=False)


@attrs.frozen
class Environment:
    """The Python environment of the process.

    Attributes:
        python: The language version, such as ``3.11.7``.
        implementation: Whose it is, such as ``CPython``.
        platform: Operating system, release and C library, such as ``Linux-6.1.0-glibc2.36``.
        machine: The processor architecture, such as ``x86_64``.
        packages: Installed distributions that the process can import: names as PEP 503 normalises them -> versions,
            sorted by name.
        accelerators: Model names of the NVIDIA GPUs in the machine, one for each, such as ``NVIDIA A100-SXM4-80GB``.
    """

    python: str
    implementation: str
    platform: str
    machine: str
    packages: Mapping[str, str] = attrs.field(factory=dict, converter=_sorted, hash=False)
    accelerators: tuple[str, ...] = ()


@attrs.frozen
class Host:
    """The machine and the account: an audit asks who ran this, and where.

    Attributes:
        name: The machine's network name, as it calls itself; no name service is asked.
        user: The account's login name.
        cpus: Number of logical processors of the machine; 0 where unknown.
    """

    name: str = attrs.field(default="", converter=_text)
    user: str = attrs.field(default="", converter=_text)
    cpus: int = 0


@attrs.frozen
class Run:
    """The run of a tracker, CI system or scheduler that the process belongs to.

    Attributes:
        system: ``wandb``, ``mlflow``, ``github``, ``gitlab``, ``slurm``, or the caller's own word.
        id: The run's identifier in that system.
        url: Where to look at it, without credentials; empty where the system has no page, or it can't be told.
    """

    system: str = attrs.field(default="", converter=_text)
    id: str = attrs.field(default="", converter=_text)
    url: str = attrs.field(default="", converter=_text)


@attrs.frozen
class Provenance:
    """What was captured while a version was registered; None means that there was none, or that it wasn't asked for.

    Attributes:
        code: The git checkout.
        environment: The Python environment.
        host: The machine and account.
        run: The run.
    """

    code: Code | None = None
    environment: Environment | None = None
    host: Host | None = None
    run: Run | None = None

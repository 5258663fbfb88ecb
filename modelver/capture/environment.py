"""The Python environment of this process.

Names and versions of packages come from the names of the folders in which installers record them, which takes a
hundredth of the time of reading each package's metadata. What each folder on `sys.path` holds is remembered in the
user's cache until the folder changes, which installing and uninstalling does.
"""

import json
import os
import platform
import re
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import attrs

from modelver.cache.facts import Facts
from modelver.cache.stamps import Stamp
from modelver.values.provenance import Environment

_KIND = "packages"
_MAX_METADATA = 2**16
_GPUS = Path("/proc/driver/nvidia/gpus")
_VERSION = r"([0-9][0-9A-Za-z.+!]*)"
# packaging.python.org, "Recording installed projects".
_DIST_INFO = re.compile(rf"([0-9A-Za-z][0-9A-Za-z._-]*)-{_VERSION}\.dist-info")
# Setuptools' documentation, "The Internal Structure of Python Eggs", section "Filename-Embedded Metadata".
_EGG_INFO = re.compile(rf"([0-9A-Za-z][0-9A-Za-z._]*)-{_VERSION}(?:-py[0-9].*)?\.egg-info")


@attrs.frozen
class Scan:
    """What one folder holds.

    Attributes:
        packages: Names, as PEP 503 normalises them -> versions.
        lasting: Whether this holds for as long as the folder itself doesn't change.
    """

    packages: dict[str, str]
    lasting: bool


def capture_environment(facts: Facts) -> Environment:
    """Return the environment.

    Args:
        facts: Where to remember what is installed.
    """
    return Environment(
        python=platform.python_version(),
        implementation=platform.python_implementation(),
        platform=_platform(),
        machine=platform.machine(),
        packages=installed_packages(list(sys.path), facts),
        accelerators=read_accelerators(_GPUS),
    )


def installed_packages(path: Iterable[str], facts: Facts) -> dict[str, str]:
    """Return the packages that can be imported from the folders of a search path.

    Args:
        path: As `sys.path`. Of two that hold one package the earlier counts; archives are passed over.
        facts: Where to remember what each folder holds.

    Returns:
        Names, as PEP 503 normalises them -> versions.
    """
    folders = list(dict.fromkeys(os.path.abspath(entry) for entry in path))  # noqa: PTH100 (links stay)
    known = facts.get_many(_KIND, folders)
    news: dict[str, bytes] = {}
    packages: dict[str, str] = {}
    for folder in folders:
        started = time.time_ns()
        try:
            stamp = Stamp.of(Path(folder).stat())
            found = _recall(known.get(folder), stamp)
            if found is None:
                scanned = scan(folder)
                found = scanned.packages
                if scanned.lasting and not stamp.is_young(started):
                    news[folder] = json.dumps([attrs.astuple(stamp), found]).encode()
        except (OSError, ValueError):  # also names with a NUL in them
            continue
        packages = found | packages
    facts.put_many(_KIND, news)
    return packages


def scan(folder: str) -> Scan:
    """Read which packages are recorded in a folder.

    Raises:
        OSError: It is no folder, or may not be read.
    """
    with os.scandir(folder) as entries:
        records = sorted(entry.name for entry in entries if entry.name.endswith(("-info", "-INFO")))
    packages: dict[str, str] = {}
    lasting = True
    for record in records:
        place = Path(folder, record)
        metadata = place / ("METADATA" if record.endswith(".dist-info") else "PKG-INFO")
        named = _DIST_INFO.fullmatch(record) or _EGG_INFO.fullmatch(record)
        if named and (metadata.exists() or place.is_file()):
            packages.setdefault(_normalise(named[1]), named[2])
        elif project := _read_metadata(metadata if place.is_dir() else place):
            # Its version can change without a trace in the folder.
            lasting = False
            packages.setdefault(*project)
    return Scan(packages, lasting)


def read_accelerators(gpus: Path) -> tuple[str, ...]:
    """Return the models of NVIDIA GPUs, in the order of their addresses; no program is started for it.

    Args:
        gpus: Where the driver describes them: `/proc/driver/nvidia/gpus` (its README, chapter "The /proc Interface").
    """
    models = []
    for report in sorted(gpus.glob("*/information")):
        try:
            lines = report.read_text(errors="replace").splitlines()
        except OSError:
            continue
        models += [line.partition(":")[2].strip() for line in lines if line.startswith("Model:")]
    return tuple(models)


def _recall(fact: bytes | None, stamp: Stamp) -> dict[str, str] | None:
    if fact is None:
        return None
    then, packages = json.loads(fact)
    return dict(packages) if Stamp(*then) == stamp else None


def _read_metadata(file: Path) -> tuple[str, str] | None:
    """Return name and version from a file of core metadata, which begins like a mail (PEP 566)."""
    try:
        with file.open("rb") as stream:
            head = stream.read(_MAX_METADATA).decode(errors="replace")
    except OSError:
        return None
    fields: dict[str, str] = {}
    for line in head.partition("\n\n")[0].splitlines():
        field, _, value = line.partition(": ")
        fields.setdefault(field, value.strip())
    name, version = fields.get("Name", ""), fields.get("Version", "")
    return (_normalise(name), version) if name and version else None


def _normalise(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _platform() -> str:
    # platform.platform() would start a program, uname, to learn the processor's name.
    names = platform.uname()
    return "-".join(filter(None, (names.system, names.release, "".join(platform.libc_ver()))))

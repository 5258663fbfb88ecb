"""The Python environment of this process: scanned once, then remembered until something is installed."""

import hashlib
import platform
import re
import sys
from functools import cache
from pathlib import Path

from modelver.cache.facts import Facts
from modelver.errors import InvalidValue
from modelver.values import wire
from modelver.values.provenance import Environment

_KIND = "environment"
_GPUS = Path("/proc/driver/nvidia/gpus")


def capture_environment(facts: Facts) -> Environment:
    """Return the environment; from the user's cache where nothing was installed since it was scanned."""
    key = _key(tuple(sys.path))
    if known := _recall(facts, key):
        return known
    environment = _scan(key)
    facts.put(_KIND, key, wire.to_bytes(environment))
    return environment


def _key(path: tuple[str, ...]) -> str:
    """Return what the environment depends on: the interpreter, and the folders that packages are installed in."""
    parts = [sys.version, sys.executable, sys.prefix, platform.platform()]
    for entry in path:
        place = Path(entry or ".")
        if place.is_dir():
            parts.append(f"{place.absolute()} {place.stat().st_mtime_ns}")
    return hashlib.sha256("\n".join(parts).encode(errors="surrogateescape")).hexdigest()


def _recall(facts: Facts, key: str) -> Environment | None:
    data = facts.get(_KIND, key)
    if data is None:
        return None
    try:
        return wire.from_bytes(data, Environment, what="remembered environment")
    except InvalidValue:
        return None


@cache
def _scan(key: str) -> Environment:
    """Read the names and versions of all installed distributions; `key` says for which state of the folders."""
    from importlib.metadata import distributions

    del key
    packages: dict[str, str] = {}
    for distribution in distributions():
        name = distribution.metadata["Name"]
        if name:
            packages.setdefault(re.sub(r"[-_.]+", "-", name).lower(), distribution.version)
    return Environment(
        python=platform.python_version(),
        implementation=platform.python_implementation(),
        platform=platform.platform(),
        machine=platform.machine(),
        packages=packages,
        accelerators=_accelerators(),
    )


def _accelerators() -> tuple[str, ...]:
    """Return the models of NVIDIA GPUs as their driver tells them; nothing is started for it."""
    reports = sorted(_GPUS.glob("*/information")) if _GPUS.is_dir() else []
    lines = (line for report in reports for line in report.read_text(errors="replace").splitlines())
    return tuple(line.partition(":")[2].strip() for line in lines if line.startswith("Model:"))

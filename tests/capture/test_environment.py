"""The environment is what Python itself would find installed, remembered until that changes."""

import base64
import hashlib
import re
import subprocess
import sys
import time
import zipfile
from importlib.metadata import distributions
from pathlib import Path

import pytest

from modelver.cache.facts import Facts
from modelver.capture import environment
from modelver.capture.environment import capture_environment, installed_packages, read_accelerators, scan

pytestmark = pytest.mark.usefixtures("unmeasured")


@pytest.fixture
def facts(private_cache: Path) -> Facts:
    """The memory of the test's own cache."""
    return Facts(private_cache)


def wait_out_the_grain() -> None:
    """Let enough time pass for folders to be old."""
    time.sleep(0.15)


def test_the_packages_are_those_that_python_finds(facts: Facts) -> None:
    """Names and versions agree with the standard library's slower reading of all metadata."""
    expected: dict[str, str] = {}
    for distribution in distributions():
        name = re.sub(r"[-_.]+", "-", distribution.metadata["Name"]).lower()
        expected.setdefault(name, distribution.version)
    assert capture_environment(facts).packages == expected
    assert "attrs" in expected


def test_interpreter_and_machine_are_described(facts: Facts) -> None:
    """The version, the implementation, the platform and the architecture are there."""
    found = capture_environment(facts)
    assert found.python == ".".join(map(str, sys.version_info[:3]))
    assert found.implementation.lower() == sys.implementation.name
    assert all((found.platform, found.machine))


def test_packages_are_sorted(facts: Facts) -> None:
    """One environment is written down in one way."""
    assert list(capture_environment(facts).packages) == sorted(capture_environment(facts).packages)


def wheel(folder: Path, version: str) -> Path:
    """Make a wheel with nothing in it (PEP 427)."""
    info = f"tiny_thing-{version}.dist-info"
    files = {
        "tiny_thing.py": "",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: Tiny.Thing\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    rows = [f"{info}/RECORD,,"]
    for name, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        rows.append(f"{name},sha256={digest},{len(text)}")
    path = folder / f"tiny_thing-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in {**files, f"{info}/RECORD": "\n".join(rows)}.items():
            archive.writestr(name, text)
    return path


def test_installing_and_uninstalling_is_noticed(facts: Facts, tmp_path: Path) -> None:
    """With pip in a real virtual environment: what was remembered is forgotten when the folder changes."""
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    (site,) = map(str, venv.glob("**/site-packages"))

    def pip(*arguments: str) -> None:
        command = [
            sys.executable,
            "-m",
            "pip",
            "--python",
            str(venv),
            "--disable-pip-version-check",
            "--quiet",
        ]
        subprocess.run([*command, *arguments], check=True)

    def found() -> dict[str, str]:
        wait_out_the_grain()
        first = installed_packages([site], facts)
        assert facts.get("packages", site) is not None, "it is remembered"
        assert installed_packages([site], facts) == first
        return first

    assert found() == {}
    pip("install", "--no-index", "--no-deps", str(wheel(tmp_path, "1.0")))
    assert found() == {"tiny-thing": "1.0"}
    pip("install", "--no-index", "--no-deps", str(wheel(tmp_path, "1.1")))
    assert found() == {"tiny-thing": "1.1"}
    pip("uninstall", "--yes", "tiny-thing")
    assert found() == {}


def record(
    folder: Path, name: str, text: str = "Name: Some_Thing\nVersion: 2.0\n", file: str = "METADATA"
) -> None:
    """Write the record of an installed package."""
    (folder / name).mkdir()
    (folder / name / file).write_text(text)


def test_an_unchanged_folder_is_not_read_again(
    facts: Facts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What one process found, the next one takes from the user's cache."""
    record(tmp_path, "thing-1.0.dist-info")
    wait_out_the_grain()
    installed_packages([str(tmp_path)], facts)
    monkeypatch.setattr(environment, "scan", None)
    assert installed_packages([str(tmp_path)], facts) == {"thing": "1.0"}


def test_a_young_folder_is_read_again(facts: Facts, tmp_path: Path) -> None:
    """Packages that are installed in quick succession are all seen."""
    for i in range(50):
        record(tmp_path, f"thing{i}-1.{i}.dist-info")
        assert installed_packages([str(tmp_path)], facts)[f"thing{i}"] == f"1.{i}"


def test_without_a_cache_everything_is_found(tmp_path: Path) -> None:
    """Where nothing can be remembered, the folders are read."""
    record(tmp_path, "thing-1.0.dist-info")
    (tmp_path / "file").touch()
    assert installed_packages([str(tmp_path)], Facts(tmp_path / "file")) == {"thing": "1.0"}


def test_the_earlier_folder_counts(facts: Facts, tmp_path: Path) -> None:
    """Of two installations Python imports the one whose folder comes first."""
    folders = [tmp_path / "first", tmp_path / "second"]
    for version, folder in enumerate(folders):
        folder.mkdir()
        record(folder, f"thing-{version}.dist-info")
    assert installed_packages(map(str, folders), facts) == {"thing": "0"}
    assert installed_packages(map(str, reversed(folders)), facts) == {"thing": "1"}


def test_what_is_no_folder_holds_nothing(facts: Facts, tmp_path: Path) -> None:
    """Archives and missing folders, as they stand on `sys.path`, are passed over."""
    (tmp_path / "python311.zip").write_bytes(b"PK")
    assert installed_packages([str(tmp_path / "python311.zip"), str(tmp_path / "missing"), "\0"], facts) == {}


@pytest.mark.parametrize(
    ("name", "file", "expected"),
    [
        ("thing-1.0.dist-info", "METADATA", {"thing": "1.0"}),
        ("Thing_A.b-1.0+cu118.dist-info", "METADATA", {"thing-a-b": "1.0+cu118"}),
        ("thing-2-b-1!2.0.dist-info", "METADATA", {"thing-2-b": "1!2.0"}),
        ("thing-1.0_1.dist-info", "METADATA", {"some-thing": "2.0"}),
        ("thing.dist-info", "METADATA", {"some-thing": "2.0"}),
        ("thing-1.0.dist-info", "RECORD", {}),
        ("~hing-1.0.dist-info", "RECORD", {}),
        ("thing-1.0.egg-info", "PKG-INFO", {"thing": "1.0"}),
        ("thing_a-1.0-py3.11-linux-x86_64.egg-info", "PKG-INFO", {"thing-a": "1.0"}),
        ("thing.egg-info", "PKG-INFO", {"some-thing": "2.0"}),
        ("EGG-INFO", "PKG-INFO", {"some-thing": "2.0"}),
        ("other", "METADATA", {}),
    ],
)
def test_each_way_of_recording_a_package_is_read(
    tmp_path: Path, name: str, file: str, expected: dict[str, str]
) -> None:
    """From the record's name where it tells, else from its metadata; what an uninstaller left behind is none."""
    record(tmp_path, name, file=file)
    assert scan(str(tmp_path)).packages == expected


def test_a_record_may_be_a_single_file(tmp_path: Path) -> None:
    """Distutils wrote files, with a version in the name or without."""
    (tmp_path / "thing-1.0.egg-info").write_text("Name: thing\nVersion: 1.0\n")
    (tmp_path / "other.egg-info").write_text("Name: other\nVersion: 3.0\n\nName: body\n")
    assert scan(str(tmp_path)).packages == {"thing": "1.0", "other": "3.0"}


@pytest.mark.parametrize("text", ["", "Name: x\n", "\xff" * 10, "\n\nName: x\nVersion: 1\n", "N" * 200_000])
def test_metadata_that_says_nothing_is_passed_over(tmp_path: Path, text: str) -> None:
    """Broken and endless metadata name no package."""
    record(tmp_path, "thing.dist-info", text)
    assert scan(str(tmp_path)).packages == {}


def test_a_version_that_can_change_in_place_is_read_each_time(facts: Facts, tmp_path: Path) -> None:
    """An editable installation of old rewrites its metadata without a trace in the folder around it."""
    record(tmp_path, "thing.egg-info", "Name: thing\nVersion: 1.0\n", "PKG-INFO")
    wait_out_the_grain()
    assert installed_packages([str(tmp_path)], facts) == {"thing": "1.0"}
    (tmp_path / "thing.egg-info" / "PKG-INFO").write_text("Name: thing\nVersion: 2.0\n")
    assert installed_packages([str(tmp_path)], facts) == {"thing": "2.0"}


def test_gpus_are_read_from_the_drivers_own_description(tmp_path: Path) -> None:
    """Each GPU is listed by its model, in the order of addresses; one that can't be read is left out."""
    for address, model in [("0000:86:00.0", "NVIDIA A100-SXM4-80GB"), ("0000:3b:00.0", "Tesla T4")]:
        (tmp_path / address).mkdir()
        (tmp_path / address / "information").write_text(
            f"Model: \t\t {model}\nIRQ:   \t\t 71\nGPU UUID: \t GPU-0000\nBus Location: \t {address}\n"
        )
    (tmp_path / "0000:ff:00.0" / "information").mkdir(parents=True)
    assert read_accelerators(tmp_path) == ("Tesla T4", "NVIDIA A100-SXM4-80GB")
    assert read_accelerators(tmp_path / "missing") == ()

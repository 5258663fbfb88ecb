"""The demo's download step, with real pip and small wheels of our own in the place of PyPI."""

import hashlib
import io
import tarfile
import zipfile
from pathlib import Path

import fetch
import pytest

pytestmark = pytest.mark.usefixtures("unmeasured")

MODEL_FILES = {"silero_vad.onnx": b"weights", "silero_vad_half.onnx": b"half the weights"}


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let pip look at nothing but one folder, which stands for PyPI."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    return folder


def publish(shelf: Path) -> fetch.Download:
    """Put a small wheel on the shelf and return the download that pins it."""
    wheel = shelf / "silero_vad-1.0.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, data in MODEL_FILES.items():
            archive.writestr(f"silero_vad/data/{name}", data)
        archive.writestr("silero_vad/data/__init__.py", "")
        archive.writestr("silero_vad/model.py", "raise SystemExit('nothing is installed or run')")
        info = "silero_vad-1.0.0.dist-info"
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: silero-vad\nVersion: 1.0.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return fetch.Download("1.0.0", wheel.name, hashlib.sha256(wheel.read_bytes()).hexdigest())


def test_a_file_is_downloaded_once(shelf: Path, tmp_path: Path) -> None:
    """The second call needs no network: the shelf is empty by then."""
    wanted = publish(shelf)
    first = fetch.download(wanted, tmp_path / "cache")
    (shelf / wanted.name).unlink()
    assert fetch.download(wanted, tmp_path / "cache") == first
    assert fetch.sha256_of(first) == wanted.sha256


def test_a_damaged_file_is_fetched_again(
    shelf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A cached file that no longer matches its pin is said and replaced."""
    wanted = publish(shelf)
    path = fetch.download(wanted, tmp_path / "cache")
    path.write_bytes(b"damaged")
    assert fetch.sha256_of(fetch.download(wanted, tmp_path / "cache")) == wanted.sha256
    assert "does not match its pinned SHA-256" in capsys.readouterr().out


def test_a_file_that_does_not_match_its_pin_is_refused(shelf: Path, tmp_path: Path) -> None:
    """Other bytes under the same name never reach the cache."""
    wanted = publish(shelf)
    with (shelf / wanted.name).open("ab") as file:
        file.write(b"tampered")
    with pytest.raises(SystemExit, match=r"(?s)could not download silero_vad-1\.0\.0.*Expected sha256"):
        fetch.download(wanted, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.usefixtures("shelf")
def test_offline_the_message_says_what_to_do(tmp_path: Path) -> None:
    """Without the package index, the error names the file and the remedy."""
    wanted = fetch.Download("1.0.0", "silero_vad-1.0.0-py3-none-any.whl", "0" * 64)
    with pytest.raises(SystemExit, match=r"(?s)No matching distribution.*The first run needs PyPI"):
        fetch.download(wanted, tmp_path / "cache")


def test_only_the_model_files_are_unpacked(shelf: Path, tmp_path: Path) -> None:
    """The wheel's code stays in the wheel."""
    wanted = publish(shelf)
    folder = fetch.unpack_model(shelf / wanted.name, tmp_path / "model")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == MODEL_FILES


def test_the_recording_comes_from_the_source_package(tmp_path: Path) -> None:
    """The recording is the one under tests/data, and nothing else is written."""
    package = tmp_path / "silero_vad-1.0.0.tar.gz"
    with tarfile.open(package, "w:gz") as archive:
        for name, data in {"tests/data/test.wav": b"RIFF", "setup.py": b"raise SystemExit"}.items():
            entry = tarfile.TarInfo(f"silero_vad-1.0.0/{name}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    target = tmp_path / "out" / "speech.wav"
    target.parent.mkdir()
    fetch.unpack_recording(package, target)
    assert [path.name for path in target.parent.iterdir()] == ["speech.wav"]
    assert target.read_bytes() == b"RIFF"

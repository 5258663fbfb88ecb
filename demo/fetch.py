"""Fetch what the demo shows: three releases of silero-vad and a speech recording (all MIT), once, by pinned SHA-256.

The files come from PyPI through pip, which checks the pins before it looks inside; nothing is installed. They stay in
`.cache/demo`, so that the demo runs offline after the first time.
"""

import hashlib
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import attrs

CACHE = Path(__file__).resolve().parents[1] / ".cache" / "demo"


@attrs.frozen
class Download:
    """A file of a release on PyPI.

    Attributes:
        version: The release of silero-vad.
        name: The file's name there: a wheel, or a source package.
        sha256: Its pinned SHA-256, in hexadecimal.
    """

    version: str
    name: str
    sha256: str


RELEASES = (
    Download(
        "5.1.2",
        "silero_vad-5.1.2-py3-none-any.whl",
        "93b41953d7774b165407fda6b533c119c5803864e367d5034dc626c82cfdf661",
    ),
    Download(
        "6.0.0",
        "silero_vad-6.0.0-py3-none-any.whl",
        "37d29be8944d2a2e6f1cc38a066076f13e78e6fc1b567a1beddcca72096f077f",
    ),
    Download(
        "6.2.0",
        "silero_vad-6.2.0-py3-none-any.whl",
        "8a31f1e58e73cdc20820d842f757e678e0ae1b0ee1cb7b8aa50f20f8fd7f7638",
    ),
)
SOURCE = Download(
    "6.2.3",
    "silero_vad-6.2.3.tar.gz",
    "d7a23b09202be4953915cb9173089bb307eed0418a9bd4794d9ec5af07fa1996",
)


@attrs.frozen
class Material:
    """What the demo works on.

    Attributes:
        models: Version to the folder of that release's model files.
        recording: A WAV file of speech, 16 kHz, mono.
    """

    models: Mapping[str, Path]
    recording: Path


def fetch(cache: Path = CACHE) -> Material:
    """Return the demo's material, downloading what is not yet in the cache.

    Raises:
        SystemExit: Something could not be downloaded; the message says what to do.
    """
    models = {}
    for release in RELEASES:
        models[release.version] = unpack_model(
            download(release, cache), cache / f"silero-vad-{release.version}"
        )
    recording = unpack_recording(download(SOURCE, cache), cache / "speech.wav")
    return Material(models, recording)


def download(wanted: Download, cache: Path) -> Path:
    """Return the verified file in the cache, asking pip for it where it is missing or damaged.

    Raises:
        SystemExit: It could not be downloaded.
    """
    path = cache / wanted.name
    if path.is_file():
        if sha256_of(path) == wanted.sha256:
            return path
        print(f"{path} does not match its pinned SHA-256: fetching it again")
    cache.mkdir(parents=True, exist_ok=True)
    print(f"downloading {wanted.name} from PyPI", flush=True)
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        complaint = ask_pip(wanted, Path(scratch))
        if complaint:
            sys.exit(
                f"could not download {wanted.name}; pip said:\n{complaint}\n"
                f"The first run needs PyPI; later ones use {cache}. Check the network, then run it again."
            )
        Path(scratch, wanted.name).replace(path)
    return path


def ask_pip(wanted: Download, folder: Path) -> str:
    """Have pip put a file that matches its pin into a folder, and return its complaint where it could not."""
    requirement = folder / "requirement.txt"
    requirement.write_text(f"silero-vad=={wanted.version} --hash=sha256:{wanted.sha256}\n", encoding="utf-8")
    kind = "--only-binary" if wanted.name.endswith(".whl") else "--no-binary"
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--no-deps"]
    command += ["--require-hashes", kind, "silero-vad", "--dest", str(folder), "-r", str(requirement)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else "\n".join(done.stderr.splitlines()[-4:])


def unpack_model(wheel: Path, folder: Path) -> Path:
    """Put the model files of a wheel into a folder of their own and return it."""
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(wheel) as archive:
        for entry in archive.infolist():
            name = entry.filename.removeprefix("silero_vad/data/")
            if name == entry.filename or "/" in name or name.endswith(".py"):
                continue
            with archive.open(entry) as source:
                write_whole(source.read(), folder / name)
    return folder


def unpack_recording(source_package: Path, target: Path) -> Path:
    """Write the recording of a source package to a file and return it."""
    with tarfile.open(source_package) as archive:
        root = source_package.name.removesuffix(".tar.gz")
        source = archive.extractfile(f"{root}/tests/data/test.wav")
        if source is None:
            sys.exit(f"{source_package} has no recording")
        write_whole(source.read(), target)
    return target


def write_whole(data: bytes, target: Path) -> None:
    """Write a file so that an interrupted run leaves no half of it."""
    partial = target.with_name(f"{target.name}.{os.getpid()}.partial")
    partial.write_bytes(data)
    partial.replace(target)


def sha256_of(path: Path) -> str:
    """Return a file's SHA-256 in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


if __name__ == "__main__":
    material = fetch()
    for version, folder in material.models.items():
        print(f"silero-vad {version}: {folder}")
    print(f"recording: {material.recording}")

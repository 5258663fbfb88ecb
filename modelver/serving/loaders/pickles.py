"""Pickles: they run code when they are loaded, so only where somebody says that this is all right."""

import io
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from modelver.errors import InvalidValue, ModelverError, UnsafeFormat
from modelver.serving.loaders.files import Files, library, only

_LOGGER = logging.getLogger("modelver")
_PATTERNS = ("*.pkl", "*.pickle", "*.joblib", "*.pt", "*.pth", "*.ckpt", "*.bin")
_TORCH = frozenset({".pt", ".pth", ".ckpt", ".bin"})
_SHOWN = 10


def pickled(file: str | None = None, *, allow_unsafe: bool = False) -> Callable[[Files], object]:
    """Load a pickle, a joblib file or a PyTorch checkpoint, and stop it where it reaches for what is known to be dangerous.

    Every function and class that the pickle names is looked up in picklescan's lists before Python hands it out; one that
    is known to be dangerous, such as ``os.system``, ends the loading, whatever is allowed. What the lists don't know is
    logged. This finds what is known and proves nothing: whoever can write the file can run code here. PyTorch's files are
    scanned as a whole first, and loaded with ``weights_only=True``.

    Before Python 3.12, a process that has loaded a pickle should not start threads under a debugger or coverage: now and
    then one ends at once with ``RuntimeError: Cannot install a trace function while another trace function is being
    installed``, since Python's `sys.settrace` there does not stand audit hooks (PEP 578), and they can't be removed.

    Args:
        file: Its path in the version; None where the version has only one.
        allow_unsafe: That code from the file may run here.

    Raises:
        UnsafeFormat: `allow_unsafe` is missing; or, when loading, the file names something dangerous.
        NotFound: (when loading) There is no such file.
        InvalidValue: (when loading) There are several, the file can't be unpickled, or a library is missing: picklescan
            and joblib (the extra ``pickle``), or PyTorch.
    """
    if not allow_unsafe:
        raise UnsafeFormat(
            "a pickle can run any code when it is loaded",
            where=file or "load=pickled()",
            hint="Store safetensors, ONNX or skops; or say allow_unsafe=True where you trust whoever wrote the file.",
        )

    def load(files: Files) -> object:
        path = only(files, file, _PATTERNS)
        library("picklescan.scanner", "'modelver[pickle]'")
        try:
            return _torch(path) if path.suffix.lower() in _TORCH else _joblib(path)
        except ModelverError:
            raise
        except Exception as error:
            raise InvalidValue("the file can't be unpickled", where=path, found=error) from error

    return load


def _joblib(path: Path) -> object:
    joblib = library("joblib", "'modelver[pickle]'")
    with _watching(path):
        loaded: object = joblib.load(path)
    return loaded


def _torch(path: Path) -> object:
    torch = library("torch", "torch")
    result = library("picklescan.scanner", "'modelver[pickle]'").scan_file_path(str(path))
    if result.issues_count or result.scan_err or not result.scanned_files:
        named = (f"{each.module}.{each.name}" for each in result.globals if each.safety.value == "dangerous")
        raise _dangerous(path, ", ".join(sorted(named)[:_SHOWN]) or "what can't be scanned")
    with _watching(path):
        loaded: object = torch.load(path, map_location="cpu", weights_only=True)
    return loaded


class _Watched(threading.local):
    """The file that this thread is unpickling."""

    path: Path | None = None


_WATCHED = _Watched()


@contextmanager
def _watching(path: Path) -> Iterator[None]:
    """Check what the unpicklers of this thread look up, whichever library they belong to."""
    _install_hook()
    before, _WATCHED.path = _WATCHED.path, path
    try:
        yield
    finally:
        _WATCHED.path = before


@cache
def _install_hook() -> None:
    """Hear of each lookup (PEP 578); a scan beforehand reads some files otherwise than the library that loads them.

    Such a hook stays for as long as the process lives, so it comes with the first pickle. Before Python 3.12,
    `sys.settrace` fails in a thread while another one is in it and a hook in Python is there.
    """

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event == "pickle.find_class" and _WATCHED.path is not None:
            _check(_WATCHED.path, str(arguments[0]), str(arguments[1]))

    sys.addaudithook(hook)


def _check(path: Path, module: str, name: str) -> None:
    # The lookups that this import brings about are none of the pickle's.
    _WATCHED.path = None
    try:
        safety = _safety(module, name)
    finally:
        _WATCHED.path = path
    if safety == "dangerous":
        raise _dangerous(path, f"{module}.{name}")
    if safety != "innocuous":
        _LOGGER.info("%s names %s.%s, which the scan does not know", path, module, name)


@cache
def _safety(module: str, name: str) -> str:
    """Return what picklescan says of a name: ``innocuous``, ``suspicious`` or ``dangerous``."""
    if "\n" in module + name:
        return "dangerous"
    scanner = library("picklescan.scanner", "'modelver[pickle]'")
    naming = f"c{module}\n{name}\n.".encode()
    (found,) = scanner.scan_pickle_bytes(io.BytesIO(naming), "lookup").globals
    safety: str = found.safety.value
    return safety


def _dangerous(path: Path, found: str) -> UnsafeFormat:
    return UnsafeFormat(
        "a pickle names what is known to be dangerous",
        where=path,
        found=found,
        hint="Don't load it; find out who wrote it.",
    )

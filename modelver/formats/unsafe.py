"""Formats that can run code when they are loaded: told from a file's first bytes and, where these say little, its name.

Nothing is unpickled. A file that is not found here is not thereby safe.
"""

import re

HEAD = 4096
"""Bytes of a file's beginning that are looked at."""

_PICKLES = frozenset({"pkl", "pickle", "joblib", "dill", "cloudpickle"})
_TORCH = frozenset({"pt", "pth", "ckpt", "bin"})
_PROTOCOL = 0x80
_PROTOCOLS = range(2, 6)
_ZIP = b"PK\x03\x04"
_SEVEN_ZIP = b"7z\xbc\xaf\x27\x1c"
_TORCH_LEGACY = b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"
_NUMPY = b"\x93NUMPY"
_OF_OBJECTS = re.compile(rb"""[:,]\s*["']\|?O8?["']""")
_PACKED = re.compile(r"\.(?:gz|bz2|xz|lzma|zst|lz4|z)$")
_GLOBAL = re.compile(rb"\(*c[A-Za-z_][\w.]*\n[A-Za-z_]\w*\n")


def unsafe_format(path: str, head: bytes) -> str:
    """Return what a file is that can run code when it is loaded, or nothing.

    Args:
        path: Its path in the version.
        head: Its first `HEAD` bytes.
    """
    suffix = _PACKED.sub("", path.lower()).rpartition(".")[2]
    signs = {
        f"a pickle, by its suffix .{suffix}": suffix in _PICKLES,
        "a pickle, by its first bytes": len(head) > 1 and head[0] == _PROTOCOL and head[1] in _PROTOCOLS,
        "a pickle of an old protocol, which names a function": _GLOBAL.match(head) is not None,
        "a pickle of PyTorch": _TORCH_LEGACY in head[:32],
        "a zip file of PyTorch, with a pickle inside": head.startswith(_ZIP)
        and (suffix in _TORCH or b"data.pkl" in head),
        "a 7z file in place of weights": head.startswith(_SEVEN_ZIP) and suffix in _TORCH,
        "a NumPy file of objects, with a pickle inside": head.startswith(_NUMPY)
        and _OF_OBJECTS.search(head) is not None,
    }
    return next((kind for kind, found in signs.items() if found), "")

"""What a key may look like: names that every kind of store, and every operating system, can hold unchanged."""

import re

from modelver.errors import UnsafePath

TEMPORARY = "tmp"
"""The folder at a local store's root where bytes wait until they are complete; no key is below it."""

MAX_KEY = 1024
"""The longest key in bytes: what S3 allows (Amazon S3 user guide, "Naming Amazon S3 objects")."""

_SEGMENT = re.compile("[a-z0-9](?:[a-z0-9._-]{0,253}[a-z0-9])?")
_KEY = re.compile(f"{_SEGMENT.pattern}(?:/{_SEGMENT.pattern})*")


def checked_key(key: str) -> str:
    """Return the key, if it is one.

    A key is a relative path of segments joined by ``/``. A segment has at most 255 characters of ``a-z``, ``0-9``,
    ``.``, ``_`` and ``-``, and starts and ends with a letter or digit, so no key climbs out of its root, is hidden,
    or is two files on one system and one on another.

    Raises:
        UnsafePath: It is not one.
    """
    if len(key) > MAX_KEY or not _KEY.fullmatch(key) or key.partition("/")[0] == TEMPORARY:
        raise UnsafePath(
            "not a key of a store",
            where=repr(key[:100]),
            expected="segments of a-z, 0-9, '.', '_' and '-' joined by '/', not below tmp/, at most 1024 bytes",
        )
    return key


def checked_prefix(prefix: str) -> str:
    """Return the prefix, if it is a key or empty, which means the whole store.

    Raises:
        UnsafePath: It is neither.
    """
    return checked_key(prefix) if prefix else prefix


def is_segment(name: str) -> bool:
    """Return whether a file or folder of this name can be part of a key; others in a store's folders are foreign."""
    return _SEGMENT.fullmatch(name) is not None

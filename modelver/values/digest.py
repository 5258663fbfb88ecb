"""Digests as values: what was computed, and by which algorithm."""

import hashlib
import re
from typing import Self

from modelver.errors import InvalidValue

_SHA256 = re.compile(r"sha256:[0-9a-f]{64}")


class Digest(str):
    """A SHA-256 with its algorithm's name, such as ``sha256:9f86d0…``.

    A digest is a string: it compares, hashes, sorts and serialises as its text. ``Digest(str(d)) == d``.

    Args:
        text: ``sha256:`` and 64 lower-case hexadecimal digits.

    Raises:
        InvalidValue: The text is anything else.
    """

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        """Parse the text, strictly."""
        if not _SHA256.fullmatch(text):
            raise InvalidValue(
                "not a digest", where=repr(text[:80]), expected="sha256: and 64 lower-case hex digits"
            )
        return super().__new__(cls, text)

    @classmethod
    def of(cls, data: bytes) -> Self:
        """Return the digest of bytes in memory."""
        return cls.from_hex(hashlib.sha256(data).hexdigest())

    @classmethod
    def from_hex(cls, hex_digits: str) -> Self:
        """Return the digest with these 64 hexadecimal digits."""
        return cls(f"sha256:{hex_digits}")

    @property
    def hex(self) -> str:
        """The 64 hexadecimal digits, as `sha256sum` prints them."""
        return self[7:]

    @property
    def short(self) -> str:
        """The first 12 hexadecimal digits, enough for a person to tell digests apart."""
        return self[7:19]

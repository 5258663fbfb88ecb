"""Version numbers as strings that know their order."""

from typing import Self

import semver


class Version(str):
    """A version under a model's scheme: equal as text, ordered by precedence.

    Made by `Scheme.version`; ordered among versions of one scheme, and not against plain text. Precedence is Semantic Versioning 2.0.0, section 11, under both kinds of scheme; build
    metadata, which has none, breaks ties by text so that the order is total.

    Attributes:
        number: Its numbers and pre-release as a semantic version, whatever the scheme writes around them.
    """

    __slots__ = ("number",)
    number: semver.Version

    def __new__(cls, text: str, number: semver.Version) -> Self:
        """Take the parsed number; callers parse text with `Scheme.version`."""
        self = super().__new__(cls, text)
        self.number = number
        return self

    def __getnewargs__(self) -> tuple[str, semver.Version]:  # type: ignore[override] # pickle calls __new__ with these
        return str(self), self.number

    def __lt__(self, other: str) -> bool:
        return self._order(other) < 0

    def __le__(self, other: str) -> bool:
        return self._order(other) <= 0

    def __gt__(self, other: str) -> bool:
        return self._order(other) > 0

    def __ge__(self, other: str) -> bool:
        return self._order(other) >= 0

    def _order(self, other: str) -> int:
        """Return a negative number, zero or a positive one.

        Raises:
            TypeError: The other is no version: as plain texts, ``"1.10.0"`` would come before ``"1.9.0"``.
        """
        if not isinstance(other, Version):
            raise TypeError(f"a version is compared with versions, not {type(other).__name__}: {other!r:.80}")
        mine, theirs = str(self), str(other)
        return self.number.compare(other.number) or (mine > theirs) - (mine < theirs)

    @property
    def is_prerelease(self) -> bool:
        """Whether this is an experiment or a candidate, not a release."""
        return bool(self.number.prerelease)

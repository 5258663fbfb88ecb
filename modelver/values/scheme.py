"""How a model's versions are written, ordered and raised: semver, or a task tag's template."""

import re
from collections.abc import Iterable
from functools import cache
from typing import Literal

import attrs
import semver

from modelver.errors import InvalidName
from modelver.values.name import check_segment
from modelver.values.version import Version

Bump = Literal["major", "minor", "patch", "prerelease"]
SEMVER = "semver"
PRERELEASE = "exp"
MAX_VERSION = 128

_PARTS = ("major", "minor", "patch")
_FIELD = re.compile(r"\{([^{}]*)\}")
_NUMBER = "0|[1-9][0-9]{0,17}"


@attrs.frozen
class Scheme:
    """A model's way to write versions.

    ``Scheme.parse("semver")`` is Semantic Versioning 2.0.0. A template such as ``gpt4-cx-v{major}.{minor}`` makes a
    task tag: literal text with ``{major}``, and perhaps ``{minor}`` and ``{patch}`` after it. A pre-release suffix
    such as ``-exp.3`` is allowed in both, build metadata in semver alone.

    Attributes:
        text: ``semver`` or the template, as it was given when the model was made.
    """

    text: str

    @classmethod
    def parse(cls, text: str) -> "Scheme":
        """Check a scheme's text.

        Raises:
            InvalidName: It is neither ``semver`` nor a usable template.
        """
        if not isinstance(text, str):
            raise InvalidName(
                "a version scheme must be text", where=repr(text)[:80], found=type(text).__name__
            )
        if text != SEMVER:
            _template(text)
        return cls(text)

    def version(self, text: str) -> Version:
        """Parse a version. Under semver a leading ``v`` is accepted, and left out of the result.

        Raises:
            InvalidName: The text is no version of this scheme.
        """
        if not isinstance(text, str):
            raise InvalidName("a version must be text", where=repr(text)[:80], found=type(text).__name__)
        try:
            if len(text) > MAX_VERSION or not (text.isascii() and text.isprintable()):
                raise ValueError(text)  # noqa: TRY301 (one place says what a version looks like)
            if self.text == SEMVER:
                plain = text.removeprefix("v")
                return Version(plain, semver.Version.parse(plain))
            return Version(text, self._tag_number(text))
        except ValueError:
            raise InvalidName(
                f"not a version of the scheme {self.text}",
                where=repr(text[: MAX_VERSION + 1]),
                expected=f"such as {self.first()}",
            ) from None

    def reads(self, text: str) -> bool:
        """Tell whether the text is a version of this scheme."""
        try:
            self.version(text)
        except InvalidName:
            return False
        return True

    def first(self) -> Version:
        """Return the version that a new model begins with: 1.0.0."""
        return self._write(semver.Version(1))

    def bump(self, versions: Iterable[Version], bump: Bump) -> Version:
        """Return the version that follows the given ones, which may be in any order.

        A release follows the highest release; where the template lacks the bumped number, its last one is raised. A
        pre-release follows the highest version: ``1.4.0-exp.6`` gives ``1.4.0-exp.7``, ``1.4.0-rc`` gives
        ``1.4.0-rc.1``, and ``1.3.0`` gives ``1.4.0-exp.1``.

        Raises:
            InvalidName: The next number would be too long to be read again.
        """
        known = list(versions)
        releases = [version for version in known if not version.is_prerelease]
        if bump == "prerelease":
            return self._prerelease(max(known, default=None))
        if releases:
            return self._write(self._raised(max(releases).number, bump))
        return self.finalize(max(known)) if known else self.first()

    def finalize(self, version: Version) -> Version:
        """Return the release that a pre-release leads to: ``1.4.0-exp.7`` gives ``1.4.0``."""
        return self._write(version.number.finalize_version())

    def _prerelease(self, highest: Version | None) -> Version:
        if highest is not None and highest.is_prerelease:
            return self._write(highest.number.replace(prerelease=_next(highest.number), build=None))
        base = self.first().number if highest is None else self._raised(highest.number, "minor")
        return self._write(base.replace(prerelease=f"{PRERELEASE}.1"))

    def _raised(self, number: semver.Version, bump: Bump) -> semver.Version:
        parts = _PARTS if self.text == SEMVER else _template(self.text)[1]
        part = parts[min(_PARTS.index(bump), len(parts) - 1)]
        raised = {"major": number.bump_major, "minor": number.bump_minor, "patch": number.bump_patch}[part]()
        return raised.finalize_version()

    def _write(self, number: semver.Version) -> Version:
        """Return the version with these numbers, read back, so that none is made that can't be read."""
        if self.text == SEMVER:
            return self.version(str(number))
        tag = _FIELD.sub(lambda field: str(number.to_dict()[field[1]]), self.text)
        return self.version(f"{tag}-{number.prerelease}" if number.prerelease else tag)

    def _tag_number(self, text: str) -> semver.Version:
        pattern, parts = _template(self.text)
        match = pattern.fullmatch(text)
        if match is None:
            raise ValueError(text)
        numbers = [match[part] if part in parts else "0" for part in _PARTS]
        return semver.Version.parse(".".join(numbers) + match["suffix"])


def _next(number: semver.Version) -> str:
    """Return the pre-release after a number's own, by the rules of precedence (Semantic Versioning 2.0.0, 11.4)."""
    head, dot, last = str(number.prerelease).rpartition(".")
    return f"{head}{dot}{int(last) + 1}" if last.isdigit() else f"{number.prerelease}.1"


@cache
def _template(text: str) -> tuple[re.Pattern[str], tuple[str, ...]]:
    """Compile a template's pattern, and name its numbers.

    Raises:
        InvalidName: Some text would read as two versions, or would be no file name.
    """
    parts = tuple(_FIELD.findall(text))
    if not parts or parts != _PARTS[: len(parts)]:
        raise InvalidName(
            "not a version scheme",
            where=repr(text[:MAX_VERSION]),
            expected="'semver', or a template with {major}, then perhaps {minor} and {patch}",
            hint="For example: gpt4-cx-v{major}.{minor}",
        )
    literals = _FIELD.split(text)[::2]
    between = literals[1:-1]
    if (
        literals[-1]
        or not all(between)
        or any(piece[0].isdigit() or piece[-1:].isdigit() for piece in between)
    ):
        raise InvalidName(
            "a version scheme ends with its last number, and a letter or sign divides its numbers",
            where=repr(text),
        )
    if literals[0][-1:].isdigit():
        raise InvalidName("a version scheme has no digit right before its first number", where=repr(text))
    check_segment(_FIELD.sub("1", text), what="version scheme", whole=text)
    pattern = "".join(
        re.escape(literal) + f"(?P<{part}>{_NUMBER})"
        for literal, part in zip(literals[:-1], parts, strict=True)
    )
    return re.compile(pattern + "(?P<suffix>(-[0-9A-Za-z.-]+)?)"), parts

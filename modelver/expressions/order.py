"""Versions as text that sorts as they do: Semantic Versioning 2.0.0, section 11, and task tags by their numbers."""

import re

_NUMBERS = r"(\d{1,18})(?:\.(\d{1,18}))?(?:\.(\d{1,18}))?"
_REST = r"(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z.-]+)?"
# A number behind a v is the version, else the last one is.
_FORMS = [
    re.compile(f"{before}{_NUMBERS}{_REST}") for before in ("v?", "(?s:.*)[^0-9A-Za-z.]v", "(?s:.*)[^0-9.]")
]
_DIGITS = 20
_LONGEST = 256


def sort_key(text: object) -> object:
    """Return a text that sorts as a version does, or an empty mapping, which is comparable with nothing.

    Args:
        text: Such as ``1.10.0-rc.1`` or ``gpt4-cx-v2.1``.
    """
    if not isinstance(text, str) or len(text) > _LONGEST:
        return {}
    match = next(filter(None, (form.fullmatch(text) for form in _FORMS)), None)
    if match is None:
        return {}
    *numbers, prerelease = match.groups()
    release = ".".join((number or "0").zfill(_DIGITS) for number in numbers)
    if prerelease is None:
        return f"{release}~"
    # A blank is before all that an identifier may have, so what is shorter comes first.
    return f"{release} " + " ".join(map(_identifier, prerelease.split(".")))


def _identifier(text: str) -> str:
    return f"0{text.zfill(_DIGITS)}" if text.isdigit() else f"1{text}"

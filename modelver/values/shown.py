"""Text of other people, made harmless for a line of a terminal or a log."""

import unicodedata


def one_line(text: object) -> str:
    r"""Return a text in one line, with what a terminal would obey or not show spelled out (``\x1b``, ``\n``)."""
    return "".join(sign if _is_shown(sign) else _spelled(sign) for sign in str(text))


def _is_shown(sign: str) -> bool:
    return sign.isprintable() or unicodedata.category(sign) == "Zs"


def _spelled(sign: str) -> str:
    return sign.encode("unicode_escape", "surrogatepass").decode()

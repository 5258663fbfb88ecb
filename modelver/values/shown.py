"""Text of other people, made harmless for a line of a terminal or a log."""

import unicodedata


def one_line(text: object, most: int | None = None) -> str:
    r"""Return a text in one line, with what a terminal would obey or not show spelled out (``\x1b``, ``\n``).

    Args:
        text: The text.
        most: How many characters are left of it; None: all.
    """
    return "".join(sign if _is_shown(sign) else _spelled(sign) for sign in str(text)[:most])[:most]


def _is_shown(sign: str) -> bool:
    return sign.isprintable() or unicodedata.category(sign) == "Zs"


def _spelled(sign: str) -> str:
    return sign.encode("unicode_escape", "surrogatepass").decode()

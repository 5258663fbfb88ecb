"""Text of other people, made harmless for a line of a terminal or a log."""

import unicodedata


def one_line(text: object, most: int | None = None) -> str:
    r"""Return a text in one line, with what a terminal would obey or not show spelled out (``\x1b``, ``\n``).

    Args:
        text: The text.
        most: How many characters are left of it; None: all.
    """
    part = str(text)[:most]
    if part.isprintable():  # nearly always, and much quicker than sign by sign
        return part
    return "".join(sign if _is_shown(sign) else _spelled(sign) for sign in part)[:most]


def _is_shown(sign: str) -> bool:
    return sign.isprintable() or unicodedata.category(sign) == "Zs"


def _spelled(sign: str) -> str:
    return sign.encode("unicode_escape", "surrogatepass").decode()

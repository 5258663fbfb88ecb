"""Others' words, such as a reader's, as they can be stored, logged and shown."""

MAX_WORDS = 1000
"""Characters of a rule's reason: a commit has up to 32 of them."""


def one_line(text: str, most: int = MAX_WORDS) -> str:
    """Return a text on one line: cut, and with a sign in the place of each that has no shape, as a lone surrogate."""
    line = " ".join(text[:most].split())
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in line)

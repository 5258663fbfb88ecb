"""The words of an expression and where they stand, so that errors point at the place."""

import re
from collections.abc import Iterator, Sequence

import attrs

from modelver.errors import InvalidValue, LimitExceeded

MAX_LENGTH = 4096
MAX_DEPTH = 32
MAX_LOOPS = 8
MAX_NESTED = 2
MAX_SUMS = 4

_WORD = re.compile(
    r"""
    (?P<space> \s+ | //[^\n]* )
    | (?P<text> [bB]? (?: [rR] [bB]? (?: '''.*?''' | \"\"\".*?\"\"\" | '[^'\n]*' | "[^"\n]*" )
        | '''(?:\\.|[^\\])*?''' | \"\"\"(?:\\.|[^\\])*?\"\"\" | '(?:\\.|[^'\\\n])*' | "(?:\\.|[^"\\\n])*" ) )
    | (?P<real> \d+ \. \d+ (?: [eE][-+]?\d+ )? | \d+ [eE][-+]?\d+ | \. \d+ (?: [eE][-+]?\d+ )? )
    | (?P<whole> 0[xX][0-9a-fA-F]+ u? | \d+ [uU]? )
    | (?P<name> [A-Za-z_]\w* )
    | (?P<sign> && | \|\| | [=!<>]= | [-+*/%<>!?:.,()\[\]{}=&|] )
    | (?P<other> . )
    """,
    re.VERBOSE | re.DOTALL,
)
_OPEN = {"(": ")", "[": "]", "{": "}"}


@attrs.frozen
class Word:
    """One word.

    Attributes:
        kind: ``text``, ``real``, ``whole``, ``name``, ``sign`` or ``other``.
        text: As it is written.
        at: Where it begins, counted from 0.
    """

    kind: str
    text: str
    at: int

    def __str__(self) -> str:
        return self.text


def scan(text: str, *, what: str) -> tuple[Word, ...]:
    """Return the words of an expression.

    Args:
        text: The expression.
        what: Whose it is, for errors.

    Raises:
        LimitExceeded: It is longer, or deeper, than anybody writes by hand.
    """
    if len(text) > MAX_LENGTH:
        raise LimitExceeded(
            "an expression is too long",
            where=what,
            expected=f"at most {MAX_LENGTH:,} characters",
            found=len(text),
        )
    words = tuple(_words(text))
    depth = 0
    for word in words:
        depth += (word.text in _OPEN) - (word.text in _OPEN.values())
        if depth > MAX_DEPTH:
            raise LimitExceeded(
                "an expression is nested too deeply",
                where=f"{what}, column {word.at + 1}",
                expected=f"at most {MAX_DEPTH} brackets",
            )
    return words


def _words(text: str) -> Iterator[Word]:
    for match in _WORD.finditer(text):
        if match.lastgroup and match.lastgroup != "space":
            yield Word(match.lastgroup, match[0], match.start())


def is_field(words: Sequence[Word], index: int) -> bool:
    """Tell whether a word is a name behind a dot, and so no variable."""
    return words[index].kind == "name" and index > 0 and words[index - 1].text == "."


def closing(words: Sequence[Word], opening: int) -> int:
    """Return the index of the bracket that closes the one at an index, or that of the last word."""
    depth = 0
    for index in range(opening, len(words)):
        depth += (words[index].text in _OPEN) - (words[index].text in _OPEN.values())
        if depth == 0:
            return index
    return len(words) - 1


def operand_before(words: Sequence[Word], index: int) -> str:
    """Return the name with which the operand before an operator begins: ``metrics`` of ``metrics["f1"] -``."""
    index -= 1
    while index >= 0:
        if words[index].text in _OPEN.values():
            index = _opening(words, index) - 1
            continue
        if words[index].kind != "name":
            return ""
        if index > 0 and words[index - 1].text == ".":
            index -= 2
            continue
        return words[index].text
    return ""


def _opening(words: Sequence[Word], closed: int) -> int:
    depth = 0
    for index in range(closed, -1, -1):
        depth += (words[index].text in _OPEN.values()) - (words[index].text in _OPEN)
        if depth == 0:
            return index
    return 0


def fault(what: str, text: str, at: int, found: str, hint: str) -> InvalidValue:
    """Return the error for a place in an expression."""
    shown = text[max(0, at - 20) : at + 30].replace("\n", " ")
    return InvalidValue(
        "not a valid expression", where=f"{what}, column {at + 1}, near {shown!r}", found=found, hint=hint
    )

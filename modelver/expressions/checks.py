"""What CEL would take for something else than was meant, refused before it runs, with what to write instead."""

import difflib
from collections.abc import Callable, Iterator, Sequence

from modelver.errors import InvalidValue, LimitExceeded
from modelver.expressions.scan import (
    MAX_LOOPS,
    MAX_NESTED,
    MAX_SUMS,
    Word,
    closing,
    fault,
    is_field,
    operand_before,
)

VARIABLES = (
    "name",
    "version",
    "metrics",
    "slices",
    "params",
    "tags",
    "aliases",
    "approvals",
    "metadata",
    "created_at",
    "created_by",
    "current",
)
"""The variables of an expression about a version (docs/reference, "Expressions")."""

GUARD_VARIABLES = ("current", "baseline")
"""The variables of a guard's rule: figures of production."""

MACROS = ("all", "exists", "exists_one", "existsOne", "filter", "map")
_FUNCTIONS = (
    "metric",
    "semver",
    "size",
    "has",
    "int",
    "uint",
    "double",
    "string",
    "bytes",
    "timestamp",
    "duration",
)
_WORDS = {
    "and": "&&",
    "or": "||",
    "not": "!",
    "=": "==",
    "&": "&&",
    "|": "||",
    "True": "true",
    "False": "false",
    "None": "null",
}
_CONSTANTS = {"true", "false", "null", "in"}
_FIGURES = {"metrics", "metric", "slices", "current", "baseline"}
_ARITHMETIC = {"+", "-", "*", "/", "%"}
_ORDER = {"<", "<=", ">", ">="}

Fault = Callable[[int, str, str], InvalidValue]


def check(text: str, words: Sequence[Word], what: str, variables: Sequence[str] = VARIABLES) -> None:
    """Refuse an expression that reads well and means something else.

    Raises:
        InvalidValue: With the place, and what to write there.
    """

    def broken(at: int, found: str, hint: str) -> InvalidValue:
        return fault(what, text, at, found, hint)

    _check_loops(words, what, variables)
    bound = dict(_bound(words))
    figures = _FIGURES | {name for name, over in bound.items() if over in _FIGURES}
    for index, word in enumerate(words):
        if is_field(words, index):
            continue
        if word.text in _WORDS and word.kind != "text":
            raise broken(word.at, repr(word.text), f"Write {_meant(words, index)}.")
        _check_division(words, index, broken)
        _check_number(words, index, figures, broken)
        _check_order(words, index, broken)
        _check_text(words, index, broken)
        _check_name(words, index, bound, variables, broken)


def _meant(words: Sequence[Word], index: int) -> str:
    """Return what to write for a word of another language, such as ``<=`` for ``=<``."""
    word, after = words[index], words[min(index + 1, len(words) - 1)]
    swapped = word.text == "=" and after.text in {"<", ">"} and after.at == word.at + 1
    return f"{after.text}=" if swapped else _WORDS[word.text]


def _loops(words: Sequence[Word]) -> list[int]:
    """Return where loops are."""
    return [
        index
        for index, word in enumerate(words[:-2])
        if word.text in MACROS and is_field(words, index) and words[index + 1].text == "("
    ]


def _bound(words: Sequence[Word]) -> Iterator[tuple[str, str]]:
    """Yield the names that loops bind, with what they go through."""
    for index in _loops(words):
        yield words[index + 2].text, operand_before(words, index - 1)


def _check_loops(words: Sequence[Word], what: str, variables: Sequence[str]) -> None:
    """Loops in loops, and sums of what loops made, take all time and memory; one that hides a variable misleads.

    Raises:
        LimitExceeded: There are too many.
        InvalidValue: One binds the name of a variable.
    """
    loops = _loops(words)
    if not loops:
        return
    ends = {index: closing(words, index + 1) for index in loops}
    nested = max(sum(outer <= index < ends[outer] for outer in loops) for index in loops)
    sums = sum(word.text == "+" for word in words)
    for much, most, found in (
        ("loops", MAX_LOOPS, len(loops)),
        ("loops in loops", MAX_NESTED, nested),
        ("sums beside its loops", MAX_SUMS, sums),
    ):
        if found > most:
            raise LimitExceeded(
                f"an expression has too many {much}", where=what, expected=f"at most {most}", found=found
            )
    hidden = next((words[index + 2] for index in loops if words[index + 2].text in variables), None)
    if hidden is not None:
        raise InvalidValue(
            "not a valid expression",
            where=f"{what}, column {hidden.at + 1}",
            found=f"a loop over {hidden}, which is a variable",
            hint="Call it something else, such as s.",
        )


def _check_division(words: Sequence[Word], index: int, broken: Fault) -> None:
    """``metrics.eval/f1`` is a division to CEL."""
    chain = words[index : index + 5]
    if [word.text for word in chain[:2]] != ["metrics", "."] or len(chain) < len("m.a/b"):
        return
    if chain[3].text == "/" and chain[4].kind == "name" and chain[4].text not in VARIABLES:
        name = f"{chain[2]}/{chain[4]}"
        raise broken(chain[0].at, f"metrics.{name}, a division", f'Write metrics["{name}"].')


def _check_number(words: Sequence[Word], index: int, figures: set[str], broken: Fault) -> None:
    """``metrics.f1 - 1`` mixes a double and an integer, which CEL can't."""
    if words[index].text not in _ARITHMETIC or not 0 < index < len(words) - 1:
        return
    before, after = words[index - 1], words[index + 1]
    if after.kind == "whole" and operand_before(words, index) in figures:
        raise broken(
            after.at, f"the integer {after} beside a metric", f"Metrics are doubles: write {after}.0."
        )
    if before.kind == "whole" and after.text in figures:
        raise broken(
            before.at, f"the integer {before} beside a metric", f"Metrics are doubles: write {before}.0."
        )


def _check_order(words: Sequence[Word], index: int, broken: Fault) -> None:
    """``version < "1.10.0"`` compares letters."""
    if words[index].text not in _ORDER:
        return
    before = words[index - 1] if index else None
    after = words[index + 1 : index + 2]
    sides = [before] if before is not None and operand_before(words, index) in {"version", "current"} else []
    sides += [word for word in after if word.text == "version"]
    if any(word.text == "version" for word in sides):
        raise broken(
            words[index].at, "versions compared as text", 'Write semver(version) < semver("1.10.0").'
        )


_NO_TEXTS = {
    "aliases": "Write {text} in aliases.",
    "approvals": "Write {text} in approvals.",
    "created_at": 'Write timestamp("2026-01-31T00:00:00Z").',
}
"""Variables that are never equal to a text, nor before it."""


def _check_text(words: Sequence[Word], index: int, broken: Fault) -> None:
    """``aliases == "production"`` is never true."""
    if words[index].text not in _ORDER | {"==", "!="} or not 0 < index < len(words) - 1:
        return
    before, after = words[index - 1], words[index + 1]
    for name, other, at in ((before, after, index - 1), (after, before, index + 1)):
        if name.text in _NO_TEXTS and other.kind == "text" and not is_field(words, at):
            hint = _NO_TEXTS[name.text].format(text=other.text)
            raise broken(name.at, f"{name} compared with a text", hint)


def _check_name(
    words: Sequence[Word], index: int, bound: dict[str, str], variables: Sequence[str], broken: Fault
) -> None:
    word = words[index]
    if word.kind != "name" or word.text in _CONSTANTS or word.text in bound:
        return
    called = index + 1 < len(words) and words[index + 1].text == "("
    known = _FUNCTIONS if called else variables
    if word.text in known:
        return
    similar = difflib.get_close_matches(word.text, known, n=1, cutoff=0.75)
    if called:
        hint = f"Did you mean {similar[0]}(...)?" if similar else f"There is {', '.join(_FUNCTIONS)}."
    else:
        hint = f"Did you mean {similar[0]}?" if similar else _no_variable(word, variables)
    raise broken(word.at, f"the unknown {'function' if called else 'variable'} {word}", hint)


def _no_variable(word: Word, variables: Sequence[str]) -> str:
    if "metrics" in variables:
        return f'A metric is metrics["{word}"], a tag tags["{word}"], a text "{word}".'
    name = "f1" if word.text in VARIABLES else word.text
    return f"Write such as current.metrics.{name}; there is {' and '.join(variables)}."


_RESULTS = {"metric": ".value", "semver": ".order"}


def with_values(text: str, words: Sequence[Word]) -> str:
    """Return the expression in which ``metric(...)`` is ``metric(...).value``: so an absent one is absent, not null.

    Likewise ``semver(...)`` is ``semver(...).order``: what is no version equals nothing.
    """
    ends = [
        (words[closing(words, index + 1)].at + 1, _RESULTS[word.text])
        for index, word in enumerate(words[:-1])
        if word.text in _RESULTS and not is_field(words, index) and words[index + 1].text == "("
    ]
    for end, result in sorted(ends, reverse=True):
        text = f"{text[:end]}{result}{text[end:]}"
    return text

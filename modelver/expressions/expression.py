"""A parsed expression, and what it says of a version."""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

import attrs

from modelver.errors import InvalidValue
from modelver.expressions.checks import VARIABLES, check, with_values
from modelver.expressions.order import sort_key
from modelver.expressions.scan import Word, fault, is_field, scan

if TYPE_CHECKING:
    from cel import Program

Subject: TypeAlias = Mapping[str, object]
"""The variables, and under ``metric`` the function: plain values, as `modelver.gates.subject` makes them."""

_PLACE = re.compile(r"<input>:(\d+):(\d+): (?:Syntax error: )?(.*)")
_CONVERSION = re.compile(r"Function '(?:int|uint|double|timestamp|duration)' error: ")
_MISSING = "pip install 'modelver[rules]'"
_SHOWN = 120


@attrs.frozen
class Absent:
    """Neither true nor false: something that the expression needs is not there.

    Attributes:
        why: What is missing, as a clause.
    """

    why: str

    def __bool__(self) -> bool:
        return False


@attrs.frozen
class Expression:
    """An expression that was checked; any thread may use it.

    Attributes:
        text: As it was written.
        words: Its words.
    """

    text: str
    words: tuple[Word, ...] = attrs.field(repr=False, eq=False)
    _program: "Program" = attrs.field(repr=False, eq=False)
    _names: frozenset[str] = attrs.field(repr=False, eq=False)

    def names(self, variable: str) -> bool:
        """Tell whether the expression speaks of a variable."""
        return variable in self._names

    def evaluate(self, subject: Subject) -> bool | Absent:
        """Return what the expression says.

        Args:
            subject: The variables.

        Raises:
            InvalidValue: It says neither yes nor no, such as ``metrics.f1`` alone.
        """
        if self.names("slices") and not subject.get("slices"):
            return Absent("there are no slices")
        try:
            found: object = self._program.execute(_context(subject))
        except LookupError as error:
            return Absent(_missing(error, subject))
        except (TypeError, ArithmeticError) as error:
            if self.names("current") and subject.get("current") is None:
                return Absent("the alias names nothing yet")
            return Absent(_first_sentence(error))
        except (RuntimeError, ValueError) as error:
            if _CONVERSION.match(str(error)):
                return Absent(_first_sentence(error))
            raise InvalidValue(
                "an expression can't be evaluated", where=self.text[:_SHOWN], found=_first_sentence(error)
            ) from None
        if not isinstance(found, bool):
            raise InvalidValue(
                "an expression is neither true nor false",
                where=self.text[:_SHOWN],
                found=type(found).__name__,
                hint="Compare it with something, such as metrics.f1 >= 0.9.",
            )
        return found


@lru_cache(maxsize=1024)
def parse(text: str, *, what: str = "expression", variables: tuple[str, ...] = VARIABLES) -> Expression:
    """Read an expression.

    Args:
        text: Such as ``metrics.f1 >= 0.9 && "production" in aliases``.
        what: Whose it is, for errors.
        variables: What it may speak of.

    Raises:
        InvalidValue: It is none; the message points at the place and says what to write there.
        LimitExceeded: It is too long or too deep.
    """
    words = scan(text, what=what)
    if not words:
        raise InvalidValue("an expression is empty", where=what, hint="Write such as metrics.f1 >= 0.9.")
    check(text, words, what, variables)
    try:
        from cel import compile as compile_cel
    except ImportError:
        raise InvalidValue(
            "expressions need the CEL package", where=what, hint=f"Install it: {_MISSING}"
        ) from None
    try:
        compile_cel(text)  # so that places are those of the text as it was written
        program = compile_cel(with_values(text, words))
    except ValueError as error:
        at, found = _place(text, str(error))
        raise fault(what, text, at, found, "See https://cel.dev for the language.") from None
    names = (
        word.text for index, word in enumerate(words) if word.kind == "name" and not is_field(words, index)
    )
    return Expression(text, words, program, frozenset(names))


def _context(subject: Subject) -> dict[str, object]:
    variables = {key: value for key, value in subject.items() if key != "metric"}
    metric = subject.get("metric")
    return {**variables, "metric": _as_function(metric), "semver": _semver}


def _semver(*arguments: object) -> dict[str, str]:
    """Wrap the order of versions: nothing may be raised through CEL, which would print it."""
    order = sort_key(arguments[0]) if len(arguments) == 1 else None
    return {"order": order} if isinstance(order, str) else {}


def _as_function(find: object) -> Callable[..., dict[str, float]]:
    """Wrap the lookup of a metric: nothing may be raised through CEL, which would print it."""

    def metric(*arguments: object) -> dict[str, float]:
        if not callable(find) or not all(isinstance(each, str) for each in arguments):
            return {}
        try:
            found: object = find(*arguments)
        except TypeError:
            return {}
        return {"value": found} if isinstance(found, float) else {}

    return metric


def _place(text: str, message: str) -> tuple[int, str]:
    match = _PLACE.search(message)
    if match is None:
        return 0, message.splitlines()[0][:_SHOWN]
    line, column, found = int(match[1]), int(match[2]), match[3]
    before = text.splitlines(keepends=True)[: line - 1]
    return sum(map(len, before)) + column - 1, found.partition(" expecting ")[0][:_SHOWN]


def _missing(error: LookupError, subject: Subject) -> str:
    if isinstance(error, IndexError):
        return "a list has fewer items"
    key = str(error).strip("'\"")
    if key == "value":
        return "there is no such metric, or more than one: name its dataset, and its slice"
    if key == "order":
        return "semver(...) was given what is no version"
    ambiguous = subject.get("ambiguous")
    if isinstance(ambiguous, Mapping) and key in ambiguous:
        datasets = " and ".join(str(dataset) or "(no dataset)" for dataset in ambiguous[key])
        return f'{key} was measured on {datasets}: say metric("{key}", "{ambiguous[key][0]}")'
    return f"there is no {key}"


def _first_sentence(error: BaseException) -> str:
    return str(error).partition(". ")[0].partition("\n")[0][:_SHOWN]

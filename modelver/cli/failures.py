"""How a command ends: with an exit code, and one line instead of a traceback for what modelver expects."""

import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import click

from modelver.cli import exit_codes
from modelver.cli.terminal import say, write_json
from modelver.errors import InvalidValue, ModelverError, Refused, StoreError

if TYPE_CHECKING:
    from modelver.values.canonical import Json


def exit_code_of(work: Callable[[], object], *, as_json: bool) -> int:
    """Do the work; return the exit code.

    Args:
        work: Returns an exit code, or None where all went well.
        as_json: An error is written to stdout too, as a JSON object.
    """
    try:
        with _warnings_as_lines():
            return _outcome(work, as_json=as_json)
    except BrokenPipeError:
        return exit_codes.PIPE_CLOSED
    except Exception:  # noqa: BLE001 (a fault of ours: it keeps its traceback, under a code of its own)
        traceback.print_exc()
        return exit_codes.BUG


def _outcome(work: Callable[[], object], *, as_json: bool) -> int:
    try:
        code = work()
    except ModelverError as error:
        say(f"Error: {error}")
        return _written(error_fields(error), exit_codes.code_of(error), as_json=as_json)
    except click.ClickException as error:
        error.show()
        usage = InvalidValue(error.format_message())
        return _written({**error_fields(usage), "type": "UsageError"}, error.exit_code, as_json=as_json)
    except click.exceptions.Exit as request:
        return request.exit_code
    except (KeyboardInterrupt, click.Abort):
        say("Interrupted.")
        return exit_codes.INTERRUPTED
    return code if isinstance(code, int) else exit_codes.OK


def error_fields(error: ModelverError) -> "dict[str, Json]":
    """Return an error as JSON data."""
    parts: dict[str, Json] = {
        part: getattr(error, part) for part in ("what", "where", "expected", "found", "hint")
    }
    if isinstance(error, Refused):
        from modelver.values.verdict import Verdict

        parts["verdicts"] = [each.to_dict() for each in error.verdicts if isinstance(each, Verdict)]
    return {"type": type(error).__name__, "message": str(error), **parts}


def _written(fields: "dict[str, Json]", code: int, *, as_json: bool) -> int:
    """Write an error as JSON; where even that fails, stderr has told it."""
    if as_json:
        with suppress(StoreError):
            write_json({"error": {**fields, "exit_code": code}})
    return code


@contextmanager
def _warnings_as_lines() -> Iterator[None]:
    """Show the library's warnings as one line each."""

    def show(message: Warning | str, *_: object, **__: object) -> None:
        say(f"Warning: {message}")

    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = show
        yield

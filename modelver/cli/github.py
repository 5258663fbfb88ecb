"""What a GitHub workflow reads of us: outputs of a step, and its summary.

Source: docs.github.com, "Workflow commands for GitHub Actions", "Setting an output parameter" and "Adding a job summary":
a text goes between two lines of a delimiter that must not be in it, or it could set other outputs.
"""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from modelver.errors import InvalidValue, StoreError

OUTPUT = "GITHUB_OUTPUT"
SUMMARY = "GITHUB_STEP_SUMMARY"
MAX_SUMMARY = 2**20 - 2**10
"""Bytes: GitHub refuses more than 1 MiB of a step."""


def write_outputs(outputs: Mapping[str, str]) -> None:
    """Append outputs to the file that ``$GITHUB_OUTPUT`` names, if it names one.

    Raises:
        StoreError: It can't be written.
    """
    _append(OUTPUT, "".join(_output(name, value) for name, value in outputs.items()))


def write_summary(text: str) -> None:
    """Append Markdown to the file that ``$GITHUB_STEP_SUMMARY`` names, if it names one; a long one is cut.

    Raises:
        StoreError: It can't be written.
    """
    data = text.encode(errors="replace")
    if len(data) > MAX_SUMMARY:
        whole = data[:MAX_SUMMARY].decode(errors="ignore").rpartition("\n")[0]
        text = f"{whole}\n\n(The rest was left out.)\n"
    _append(SUMMARY, text)


def check_places() -> None:
    """See that what a workflow reads can be written, before anything is done.

    Raises:
        InvalidValue: Neither variable is set: this is no GitHub workflow.
    """
    if not (os.environ.get(OUTPUT) or os.environ.get(SUMMARY)):
        raise InvalidValue(
            "there is no GitHub workflow to tell",
            where=f"${OUTPUT} and ${SUMMARY}",
            expected="the files that GitHub names",
            found="neither",
        )


def _output(name: str, value: str) -> str:
    """Return one output; no text of a value can end it, as nobody knows the delimiter before."""
    delimiter = f"modelver-{secrets.token_hex(16)}"
    plain = value.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    return f"{name}<<{delimiter}\n{plain}\n{delimiter}\n"


def _append(variable: str, text: str) -> None:
    place = os.environ.get(variable)
    if not place:
        return
    try:
        with Path(place).open("a", encoding="utf-8", errors="replace", newline="\n") as file:
            file.write(text)
    except (OSError, ValueError) as error:
        found = error.strerror if isinstance(error, OSError) else str(error)
        raise StoreError(
            "a file of the workflow can't be written", where=f"${variable}", found=found
        ) from None

"""Documents on their way out: to stdout, or to a file."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from modelver.cli.terminal import say, write, write_json
from modelver.errors import StoreError

if TYPE_CHECKING:
    from modelver.cli.options import Call
    from modelver.values.canonical import Json

html_option = click.option("--html", "as_html", is_flag=True, help="One HTML page that stands alone.")
output_option = click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="Write it to this file, which is replaced; its path is printed.",
)


def deliver(call: "Call", text: str, data: "dict[str, Json]", output: str | None) -> None:
    """Answer with a document.

    Args:
        call: The use of the verb. Where it asks for JSON, that is what stdout gets.
        text: The document.
        data: The same as JSON.
        output: The file that the document goes to; None for stdout.

    Raises:
        StoreError: The file can't be written.
    """
    if output is not None:
        _write_file(Path(output), text)
        say(f"Wrote {output}")
    if call.as_json:
        write_json(data)
    elif output is not None:
        write(os.fsencode(output))
    else:
        write(text.removesuffix("\n"))


def json_text(data: "dict[str, Json]") -> str:
    """Return JSON as a document; ASCII alone, so that no terminal obeys what is in it."""
    return json.dumps(data, indent=2).replace("\x7f", "\\u007f") + "\n"


def write_files(folder: Path, texts: Mapping[str, str]) -> None:
    """Write texts into a folder, which is made where it is missing; files of these names are replaced.

    Raises:
        StoreError: They can't be written.
    """
    if texts:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError("the folder can't be made", where=folder, found=error.strerror) from None
    for name, text in texts.items():
        _write_file(folder / name, text)


def _write_file(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise StoreError("the file can't be written", where=path, found=error.strerror) from None

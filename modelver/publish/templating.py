"""Release notes from templates: Jinja, sandboxed, where every value is escaped for Markdown unless it is Markdown."""

import re
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from modelver.compare.sections import number
from modelver.errors import InvalidValue, NotFound
from modelver.publish import markdown
from modelver.publish.markdown import Markdown, escape
from modelver.values.canonical import Json

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).with_name("templates")
"""The templates that hold where a team has none of its own."""

MAX_ROWS = 200
"""Rows of a table that are shown; the others are counted."""

_FENCE = re.compile("`{3,}")


def render(name: str, data: Mapping[str, Json], folder: Path | None = None) -> str:
    """Return a template's text.

    Args:
        name: The template's file, such as ``product.md``.
        data: Its variables. They are untrusted: none of them becomes markup.
        folder: A folder of the team's own templates; a file of the same name there replaces ours, parts too.

    Raises:
        NotFound: The folder is missing.
        InvalidValue: Jinja is not installed, or the template fails; the message has its file and line.
    """
    if folder is not None and not folder.is_dir():
        raise NotFound("the folder of templates is missing", where=folder)
    environment = _environment(folder)
    from jinja2 import TemplateError

    try:
        return _tidy(environment.get_template(name).render(data))
    except (
        TemplateError,
        TypeError,
        ValueError,
        LookupError,
        ArithmeticError,
        AttributeError,
        RecursionError,
    ) as error:
        raise InvalidValue(
            "a template fails",
            where=_place(error, name),
            found=str(error)[:200],
            hint=f"It has the variables {', '.join(sorted(data))}.",
        ) from None


def _environment(folder: Path | None) -> "Environment":
    try:
        from jinja2 import FileSystemLoader, StrictUndefined
        from jinja2.sandbox import ImmutableSandboxedEnvironment
        from markupsafe import Markup
    except ImportError:
        raise InvalidValue(
            "release notes need the jinja2 package", hint="Install it: pip install 'modelver[publish]'"
        ) from None

    def finalize(value: object) -> object:
        if isinstance(value, StrictUndefined | Markup):
            return value
        return Markup(_shown(value))  # noqa: S704 (it is escaped, for Markdown)

    # Markup stands for Markdown here: what a macro or a block gives is Markdown, and is not escaped again.
    environment = ImmutableSandboxedEnvironment(
        loader=FileSystemLoader([*([folder] if folder else []), TEMPLATES]),
        undefined=StrictUndefined,
        finalize=finalize,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "bullets": lambda texts: markdown.bullets(map(_shown, texts)),
        "code": markdown.code,
        "code_block": markdown.code_block,
        "day": lambda text: str(text)[:10],
        "paragraphs": markdown.paragraphs,
        "table": _table,
    }
    return environment


def _shown(value: object) -> Markdown:
    """Return a value as Markdown: numbers and truth values as people write them."""
    if value is None:
        return Markdown()
    if isinstance(value, bool):
        return Markdown("yes" if value else "no")
    if isinstance(value, float):
        return escape(number(value))
    return escape(value)


def _table(rows: Sequence[Mapping[str, Json]], columns: Mapping[str, str]) -> Markdown:
    """Return a table.

    Args:
        rows: One mapping for each row.
        columns: Title to key.
    """
    shown = [[_shown(row[key]) for key in columns.values()] for row in rows[:MAX_ROWS]]
    more = f"\n\n… and {len(rows) - MAX_ROWS:,} more" if len(rows) > MAX_ROWS else ""
    return Markdown(markdown.table(list(columns), shown) + more)


def _tidy(text: str) -> str:
    """Leave one empty line where a template leaves several, but in code."""
    lines: list[str] = []
    fence = ""
    for line in text.splitlines():
        if fence:
            fence = "" if line.strip() == fence else fence
        elif found := _FENCE.match(line):
            fence = found[0]
        elif not line.strip() and (not lines or not lines[-1].strip()):
            continue
        lines.append(line.rstrip())
    return "\n".join(lines).strip() + "\n"


def _place(error: BaseException, name: str) -> str:
    """Return a template's file and the line where it fails."""
    line = getattr(error, "lineno", None)
    if line is not None:
        return f"{getattr(error, 'name', None) or name}, line {line}"
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.endswith(".py")
    ]
    return f"{frames[-1].filename}, line {frames[-1].lineno}" if frames else name

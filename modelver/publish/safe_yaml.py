"""Front matter from untrusted text: YAML without types, tags, anchors and aliases, up to limits."""

from typing import TYPE_CHECKING, TypeAlias, cast

from modelver.errors import InvalidValue, LimitExceeded

if TYPE_CHECKING:
    from yaml._yaml import Mark as CMark
    from yaml.error import Mark

MAX_FRONT_MATTER = 256 * 2**10
"""Characters of front matter that are read."""

MAX_DEPTH = 20
MAX_NODES = 50_000

Plain: TypeAlias = "str | list[Plain] | dict[str, Plain]"
"""What YAML holds once its types are left aside."""


def read_yaml(text: str) -> Plain:
    """Read a YAML document as texts, lists and mappings.

    ``no`` stays ``no``, and a date stays a text: whoever needs another type asks for it. An alias is refused: a few lines
    of them can stand for gigabytes.

    Raises:
        InvalidValue: It is no YAML, or PyYAML is not installed.
        LimitExceeded: It is too long, too deep, or has too many parts.
    """
    if len(text) > MAX_FRONT_MATTER:
        raise LimitExceeded(
            "too long", expected=f"at most {MAX_FRONT_MATTER:,} characters", found=f"{len(text):,}"
        )
    try:
        import yaml
    except ImportError:
        raise InvalidValue(
            "front matter needs the PyYAML package", hint="Install it: pip install 'modelver[publish]'"
        ) from None
    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    try:
        _check(text)
        return cast("Plain", yaml.load(text, Loader=loader))  # noqa: S506 (BaseLoader makes texts alone)
    except (yaml.YAMLError, ValueError, RecursionError, TypeError) as error:
        if isinstance(error, InvalidValue):
            raise
        raise InvalidValue("not YAML", found=" ".join(str(error).split())[:200]) from None


def _check(text: str) -> None:
    """Refuse aliases, and what is too deep or has too many parts, before any of it is built."""
    import yaml

    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    depth = 0
    for number, event in enumerate(yaml.parse(text, Loader=loader)):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise InvalidValue("anchors and aliases are not read", where=_line(event.start_mark))
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH or number > MAX_NODES:
            raise LimitExceeded("nested too deep, or too many parts", where=_line(event.start_mark))


def _line(mark: "Mark | CMark | None") -> str:
    return f"line {mark.line + 1}" if mark else ""

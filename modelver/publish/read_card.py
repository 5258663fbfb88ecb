"""Reading a model card that lies in a registered folder: what its publisher states there needs no saying twice.

The front matter is that of the Hugging Face Hub, https://github.com/huggingface/hub-docs/blob/main/modelcard.md. It is
untrusted: see `modelver.publish.safe_yaml`. What can't be read is left out, and said; it never fails a registration.
"""

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

import attrs

from modelver.errors import InvalidValue
from modelver.publish.card_body import body_sections
from modelver.publish.front_matter import UNSPECIFIED
from modelver.publish.safe_yaml import Plain, read_yaml
from modelver.values.canonical import MAX_INTEGER
from modelver.values.record import NAMED, BaseModel, Dataset, Direction, Metadata, Metric

MAX_CARD = 2**20
"""Characters of a card that are read."""

MAX_METRICS = 1_000
MAX_NAMES = 100
MAX_TEXT = 500

_LOGGER = logging.getLogger("modelver")
_FRONT = re.compile(r"\ufeff?\s{0,100}---[ \t]*\r?\n")
_END = re.compile(r"^---[ \t]*\r?$", re.MULTILINE)
_CUSTOM = ("language", "library_name", "pipeline_tag")
_NOTHING = frozenset({"", "~", "null", "none"})

T = TypeVar("T")


def metadata_from_card(text: str, stated: Metadata) -> Metadata:
    """Return metadata, completed by what a model card says where nothing is stated.

    Of the front matter: ``license``, ``datasets``, ``base_model``, ``tags``, ``model-index``, and ``language``,
    ``library_name`` and ``pipeline_tag`` into ``custom``. Of the body: description, intended use, limitations and ethical
    considerations. A warning in the log of `modelver` says what could not be read.

    Args:
        text: A Markdown file such as ``README.md``.
        stated: What the caller states, which wins, field by field.
    """
    found, problems = read_card(text)
    for problem in problems:
        _LOGGER.warning("the model card: %s", problem)
    custom = {
        **{key: value for key, value in found.custom.items() if key not in stated.custom},
        **stated.custom,
    }
    fields = ("description", "intended_use", "limitations", "ethical_considerations", "license")
    several = ("metrics", "data", "base", "tags")
    changes = {
        name: getattr(found, name)
        for name in (*fields, *several)
        if not getattr(stated, name) and getattr(found, name)
    }
    return attrs.evolve(stated, custom=custom, **changes)


def read_card(text: str) -> tuple[Metadata, tuple[str, ...]]:
    """Return what a model card states, and what of it could not be read; a text without front matter states nothing.

    Args:
        text: A Markdown file such as ``README.md``.
    """
    front, body = _split(text[:MAX_CARD])
    if front is None:
        return Metadata(), ()
    problems: list[str] = []
    try:
        data = read_yaml(front)
    except InvalidValue as error:
        data = {}
        problems.append(f"its front matter can't be read: {error}")
    if not isinstance(data, dict):
        problems.append("its front matter is no mapping")
        data = {}
    said = body_sections(body)
    metadata = Metadata(
        description=next(iter(said.get("description", ())), ""),
        intended_use=said.get("intended_use", ()),
        limitations=said.get("limitations", ()),
        ethical_considerations=said.get("ethical_considerations", ()),
        license=_license(data),
        metrics=_metrics(data.get("model-index", ""), problems),
        data=tuple(_datasets(data)),
        base=tuple(map(BaseModel, _texts(data.get("base_model", "")))),
        tags=_tags(data),
        custom={key: _one_or_several(values) for key in _CUSTOM if (values := _texts(data.get(key, "")))},
    )
    return metadata, tuple(problems)


def _split(text: str) -> tuple[str | None, str]:
    """Return front matter and body; None where there is no front matter."""
    start = _FRONT.match(text)
    end = _END.search(text, start.end()) if start else None
    if start is None or end is None:
        return None, text
    return text[start.end() : end.start()], text[end.end() :]


def _texts(value: Plain) -> list[str]:
    """Return a text or a list of texts as a list, without what says nothing."""
    several = value if isinstance(value, list) else [value]
    shown = (_text(each) for each in several[:MAX_NAMES])
    return list(dict.fromkeys(text for text in shown if text))


def _text(value: Plain) -> str:
    """Return a text in one line; nothing where it is something else, or says that there is nothing."""
    if not isinstance(value, str):
        return ""
    text = " ".join(value.split()).encode(errors="replace").decode()[:MAX_TEXT].strip()
    return "" if text.lower() in _NOTHING else text


def _one_or_several(texts: list[str]) -> str | list[str]:
    return texts[0] if len(texts) == 1 else texts


def _license(data: Mapping[str, Plain]) -> str:
    """Return the license; ``other`` has its name beside it."""
    found = _texts(data.get("license", ""))
    name = _text(data.get("license_name", ""))
    return (name or found[0]) if found == ["other"] else next(iter(found), "")


def _datasets(data: Mapping[str, Plain]) -> Iterator[Dataset]:
    """Yield datasets, of which only the names are known."""
    names = _texts(data.get("datasets", ""))
    return (Dataset(name, method=NAMED) for name in sorted(names))


def _tags(data: Mapping[str, Plain]) -> dict[str, str]:
    """Return tags: ``team:risk`` has a value, and a bare one is true."""
    found = {}
    for tag in _texts(data.get("tags", "")):
        name, _, value = tag.partition(":")
        if name.strip():
            found[name.strip()] = value.strip() or "true"
    return dict(sorted(found.items()))


def _metrics(index: Plain, problems: list[str]) -> tuple[Metric, ...]:
    """Return the figures of a model index; those that are no numbers are left out, and said."""
    found: dict[tuple[str, str, str], Metric] = {}
    unreadable = 0
    for result in _results(index):
        for each in _mappings(result.get("metrics", "")):
            metric = _metric(result, each)
            if metric is None:
                unreadable += 1
            elif len(found) < MAX_METRICS:
                found.setdefault(metric.key, metric)
    if unreadable:
        problems.append(f"{unreadable:,} figure(s) of its model-index can't be read")
    return tuple(found[key] for key in sorted(found))


def _results(index: Plain) -> Iterator[Mapping[str, Plain]]:
    for model in _mappings(index):
        yield from _mappings(model.get("results", ""))


def _mappings(value: Plain) -> Iterable[dict[str, Plain]]:
    several = value if isinstance(value, list) else []
    return (each for each in several if isinstance(each, dict))


def _metric(result: Mapping[str, Plain], each: Mapping[str, Plain]) -> Metric | None:
    dataset = _mapping(result.get("dataset", ""))
    args, more = _mapping(dataset.get("args", "")), _mapping(each.get("args", ""))
    name = _text(dataset.get("name", "")) or _text(dataset.get("type", ""))
    which: Direction = "higher" if more.get("direction") == "higher" else ""
    try:
        return Metric(
            _text(each.get("type", "")) or _text(each.get("name", "")),
            _number(each.get("value", "")),
            dataset="" if name == UNSPECIFIED else name,
            slice=_text(args.get("slice", "")),
            count=_count(more.get("count", "")),
            interval=_interval(more.get("interval", "")),
            direction="lower" if more.get("direction") == "lower" else which,
            threshold=_number(more.get("threshold", "")),
        )
    except InvalidValue:
        return None


def _mapping(value: Plain) -> Mapping[str, Plain]:
    return value if isinstance(value, dict) else {}


def _interval(value: Plain) -> tuple[float, float] | None:
    match [_number(bound) for bound in value] if isinstance(value, list) else []:
        case [float(low), float(high)]:
            return low, high
    return None


def _number(value: Plain) -> float | None:
    """Return a finite number; None where it is something else."""
    return _read(float, value)


def _count(value: Plain) -> int | None:
    count = _read(int, value)
    return count if count is not None and 0 <= count <= MAX_INTEGER else None


def _read(kind: Callable[[str], T], value: Plain) -> T | None:
    try:
        return kind(value) if isinstance(value, str) and len(value) < MAX_TEXT else None
    except ValueError:
        return None

"""What callers hand to `register`, in the many forms that are handy, turned into values once."""

import difflib
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar, cast

import attrs

from modelver.content.places import SourceLike
from modelver.content.sources import Sources
from modelver.errors import InvalidValue
from modelver.registry.base.jsonable import json_object
from modelver.registry.base.stating import MAKINGS, to_making
from modelver.values.model_version import ModelVersion
from modelver.values.name import Alias
from modelver.values.provenance import Code, Run
from modelver.values.record import BaseModel, Changelog, Dataset, Metadata, Metric
from modelver.values.url import without_credentials

MetricsLike: TypeAlias = Mapping[str, Any] | Iterable[Metric]
DataLike: TypeAlias = Mapping[str, Any] | Iterable[Dataset]
MetadataLike: TypeAlias = Mapping[str, Any] | Metadata
BaseLike: TypeAlias = str | ModelVersion | BaseModel

_OF_THEIR_OWN = {"metrics", "params", "data", "base", "code", "tags"}
_TEXTS = {"intended_use", "limitations", "ethical_considerations", "owners"}

T = TypeVar("T")


@attrs.frozen
class Statement:
    """What a publisher states, before datasets and base models are looked up.

    Attributes:
        sources: The files.
        prompts: Prompt name to source.
        metadata: Its datasets and base models are those of this statement, as they were given.
        changelog: What changed.
        base: Base models: references in this registry, or models elsewhere.
    """

    sources: Sources
    prompts: Mapping[str, SourceLike]
    metadata: Metadata
    changelog: Changelog
    base: tuple[BaseLike, ...]


def to_metrics(metrics: MetricsLike | None, *, dataset: str = "", slice: str = "") -> tuple[Metric, ...]:  # noqa: A002 (the field's name)
    """Return metrics; ``{"f1": 0.91}`` or a list of `Metric`.

    Args:
        metrics: Mapping or list.
        dataset: The dataset of those that name none.
        slice: The slice of those that name none.

    Raises:
        InvalidValue: A value is no finite number, or one figure is given twice.
    """
    if metrics is None:
        return ()
    if isinstance(metrics, Mapping):
        found = [_metric(name, value) for name, value in mapping(metrics, "metrics").items()]
    else:
        found = [_kind(metric, Metric, "metrics") for metric in _listed(metrics, "metrics")]
    values = [
        attrs.evolve(metric, dataset=metric.dataset or dataset, slice=metric.slice or slice)
        for metric in found
    ]
    keys = [metric.key for metric in values]
    if len(set(keys)) != len(keys):
        twice = next(key for key in keys if keys.count(key) > 1)
        raise InvalidValue("a metric is given twice", where=" ".join(part for part in twice if part))
    return tuple(sorted(values, key=lambda metric: metric.key))


def _metric(name: str, value: object) -> Metric:
    if isinstance(value, Metric):
        return _named(name, value, "metrics")
    try:
        return Metric(name, cast("float", value))
    except InvalidValue as error:
        raise InvalidValue(
            error.what, where=f"metrics[{name!r}]", found=error.found or error.where, hint=error.hint
        ) from None


def to_changelog(changelog: str | Changelog | None) -> Changelog:
    """Return a changelog; a text is its summary."""
    if changelog is None or isinstance(changelog, str):
        return Changelog(summary=changelog or "")
    return _kind(changelog, Changelog, "changelog")


def to_datasets(data: DataLike | None) -> tuple[Dataset, ...]:
    """Return datasets; ``{"train": "data/train.parquet"}`` or a list of `Dataset`.

    Raises:
        InvalidValue: Two have one name, or a place is neither text nor a path.
    """
    if data is None:
        return ()
    if isinstance(data, Mapping):
        found = [_dataset(name, value) for name, value in mapping(data, "data").items()]
    else:
        found = [_kind(dataset, Dataset, "data") for dataset in _listed(data, "data")]
    names = [dataset.name for dataset in found]
    if len(set(names)) != len(names):
        raise InvalidValue("two datasets have one name", where=", ".join(sorted(names)))
    return tuple(sorted(map(_with_text_uri, found), key=lambda dataset: dataset.name))


def _dataset(name: str, value: Any) -> Dataset:
    return _named(name, value, "data") if isinstance(value, Dataset) else Dataset(name, uri=value)


def _with_text_uri(dataset: Dataset) -> Dataset:
    uri: object = dataset.uri
    where = f"data[{dataset.name!r}]"
    return attrs.evolve(dataset, uri=os.fspath(_kind(uri, (str, os.PathLike), where, "a path or an address")))


def to_metadata(
    metadata: MetadataLike | None,
    *,
    metrics: MetricsLike | None,
    params: Mapping[str, Any] | None,
    data: DataLike | None,
    tags: Mapping[str, str] | None,
    code: object,
) -> Metadata:
    """Return metadata; fields that `register` has parameters of their own for come from these.

    Raises:
        InvalidValue: An unknown field (similar ones are suggested), or a value that is no JSON.
    """
    stated = metadata if isinstance(metadata, Metadata) else _from_dict(mapping(metadata, "metadata"))
    return attrs.evolve(
        stated,
        metrics=to_metrics(stated.metrics if metrics is None else metrics),
        params=json_object(stated.params if params is None else mapping(params, "params"), "params"),
        data=to_datasets(stated.data if data is None else data),
        tags=to_tags(stated.tags if tags is None else tags),
        custom=json_object(stated.custom, "metadata.custom"),
        code=code if isinstance(code, Code) else stated.code,
    )


def _from_dict(data: Mapping[str, Any]) -> Metadata:
    fields = {field.name for field in attrs.fields(Metadata)} - {"unknown"}
    for key, value in data.items():
        if key in _OF_THEIR_OWN:
            raise InvalidValue(
                "give this beside the metadata", where=f"metadata[{key!r}]", hint=f"register(..., {key}=...)"
            )
        if key not in fields:
            similar = difflib.get_close_matches(str(key), fields - _OF_THEIR_OWN, n=1)
            hint = f"Did you mean {similar[0]!r}?" if similar else 'Fields of your own go under "custom".'
            raise InvalidValue("not a metadata field", where=f"metadata[{key!r}]", hint=hint)
        _check_field(key, value)
    return Metadata(**{key: _field(key, value) for key, value in data.items() if value is not None})


def _field(key: str, value: Any) -> Any:
    return to_making(key, value) if key in MAKINGS else value


def _check_field(key: str, value: object) -> None:
    where = f"metadata[{key!r}]"
    if value is None or key in MAKINGS:
        return
    if key == "external_facing":
        _kind(value, bool, where)
    elif key == "custom":
        mapping(value, where)
    elif key in _TEXTS and isinstance(value, list | tuple):
        for item in value:
            _kind(item, str, where, "texts")
    else:
        _kind(value, str, where, "text or a list of texts" if key in _TEXTS else "text")


def to_tags(tags: Mapping[str, str] | None) -> dict[str, str]:
    """Return tags, sorted.

    Raises:
        InvalidValue: A key or a value is no text.
    """
    for key, value in mapping(tags, "tags").items():
        _kind(key, str, f"tags[{key!r}]", "text")
        _kind(value, str, f"tags[{key!r}]", "text")
    return dict(sorted((tags or {}).items()))


def to_base(base: BaseLike | Sequence[BaseLike] | None) -> tuple[BaseLike, ...]:
    """Return base models as they were given; one or several."""
    if base is None:
        return ()
    several = (base,) if isinstance(base, str | BaseModel | ModelVersion) else _listed(base, "base")
    kinds = (str, BaseModel, ModelVersion)
    return tuple(_kind(each, kinds, "base", "a reference, a ModelVersion or a BaseModel") for each in several)


def to_aliases(aliases: str | Sequence[str]) -> tuple[Alias, ...]:
    """Return aliases, each once; one or several."""
    several = (aliases,) if isinstance(aliases, str) else _listed(aliases, "aliases")
    return tuple(dict.fromkeys(Alias(_kind(each, str, "aliases", "text")) for each in several))


def to_run(run: str | Run | None) -> Run | None:
    """Return the run that a caller states; a text is its URL, whose secrets are left out, or its id."""
    if isinstance(run, str):
        return Run(url=without_credentials(run)) if "://" in run else Run(id=run)
    return None if run is None else _kind(run, Run, "run", "a Run or text")


def mapping(value: object, where: str) -> Mapping[str, Any]:
    """Return a mapping, an empty one for None.

    Raises:
        InvalidValue: It is something else.
    """
    return _kind({} if value is None else value, Mapping, where, "a mapping")


def text(value: object, where: str) -> str:
    """Return a text.

    Raises:
        InvalidValue: It is something else.
    """
    return _kind(value, str, where, "text")


def reason(value: object, where: str) -> str:
    """Return a reason that says something.

    Raises:
        InvalidValue: It is empty.
    """
    found = text(value, "reason")
    if not found.strip():
        raise InvalidValue("this needs a reason", where=where)
    return found


def choice(value: str, choices: Sequence[str], where: str) -> None:
    """Refuse what is none of the choices.

    Raises:
        InvalidValue: It is none.
    """
    if value not in choices:
        raise InvalidValue(
            f"not a value of {where}", where=repr(value)[:80], expected=f"one of {', '.join(choices)}"
        )


def _listed(values: object, where: str) -> Iterable[Any]:
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise InvalidValue("not a list", where=where, found=type(values).__name__)
    return values


def _named(name: str, value: T, where: str) -> T:
    """Refuse a value that is given under another name than its own."""
    own = getattr(value, "name", name)
    if own != name:
        raise InvalidValue("given under another name", where=f"{where}[{name!r}]", found=own)
    return value


def _kind(value: object, kind: type[T] | tuple[type[Any], ...], where: str, expected: str = "") -> T:
    if not isinstance(value, kind):
        wanted = expected or getattr(kind, "__name__", "")
        raise InvalidValue("of the wrong type", where=where, expected=wanted, found=type(value).__name__)
    return cast("T", value)

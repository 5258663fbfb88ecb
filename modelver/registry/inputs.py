"""What callers hand to `register`, in the many forms that are handy, turned into values once."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias, cast

import attrs

from modelver.content.sources import SourceLike, Sources
from modelver.errors import InvalidValue
from modelver.values.canonical import Json
from modelver.values.provenance import Run
from modelver.values.record import BaseModel, Changelog, Dataset, Metadata, Metric

MetricsLike: TypeAlias = Mapping[str, Any] | Iterable[Metric]
DataLike: TypeAlias = Mapping[str, Any] | Iterable[Dataset]
MetadataLike: TypeAlias = Mapping[str, Any] | Metadata

_OF_THEIR_OWN = {"metrics", "params", "data", "base", "code", "tags"}


@attrs.frozen
class Statement:
    """What a publisher states, before datasets and base models are looked up.

    Attributes:
        sources: The files.
        prompts: Prompt name to source.
        metadata: Without datasets and base models.
        changelog: What changed.
        data: The datasets as they were given.
        base: Base models: references in this registry, or models elsewhere.
    """

    sources: Sources
    prompts: Mapping[str, SourceLike]
    metadata: Metadata
    changelog: Changelog
    data: tuple[Dataset, ...]
    base: tuple[str | BaseModel, ...]


def to_metrics(metrics: MetricsLike | None, *, dataset: str = "", slice: str = "") -> tuple[Metric, ...]:  # noqa: A002 (the field's name)
    """Return metrics; ``{"f1": 0.91}`` or a list of `Metric`.

    Raises:
        InvalidValue: A value is no finite number, or one figure is given twice.
    """
    if metrics is None:
        return ()
    if isinstance(metrics, Mapping):
        values = tuple(_metric(name, value, dataset, slice) for name, value in metrics.items())
    else:
        values = tuple(_kind(metric, Metric, "metrics") for metric in metrics)
        if dataset or slice:
            values = tuple(
                attrs.evolve(metric, dataset=metric.dataset or dataset, slice=metric.slice or slice)
                for metric in values
            )
    keys = [metric.key for metric in values]
    if len(set(keys)) != len(keys):
        twice = next(key for key in keys if keys.count(key) > 1)
        raise InvalidValue("a metric is given twice", where=" ".join(part for part in twice if part))
    return tuple(sorted(values, key=lambda metric: metric.key))


def _metric(name: str, value: object, dataset: str, slice_: str) -> Metric:
    if isinstance(value, Metric):
        return value
    try:
        return Metric(name, cast("float", value), dataset=dataset, slice=slice_)
    except InvalidValue as error:
        raise InvalidValue(
            error.what, where=f"metrics[{name!r}]", found=error.where, hint=error.hint
        ) from None


def to_changelog(changelog: str | Changelog | None) -> Changelog:
    """Return a changelog; a text is its summary."""
    if changelog is None:
        return Changelog()
    return (
        Changelog(summary=changelog)
        if isinstance(changelog, str)
        else _kind(changelog, Changelog, "changelog")
    )


def to_datasets(data: DataLike | None) -> tuple[Dataset, ...]:
    """Return datasets; ``{"train": "data/train.parquet"}`` or a list of `Dataset`.

    Raises:
        InvalidValue: Two have one name.
    """
    if data is None:
        return ()
    if isinstance(data, Mapping):
        found = tuple(
            value if isinstance(value, Dataset) else Dataset(name, uri=str(value))
            for name, value in data.items()
        )
    else:
        found = tuple(_kind(dataset, Dataset, "data") for dataset in data)
    names = [dataset.name for dataset in found]
    if len(set(names)) != len(names):
        raise InvalidValue("two datasets have one name", where=", ".join(sorted(names)))
    return tuple(sorted(found, key=lambda dataset: dataset.name))


def to_metadata(
    metadata: MetadataLike | None,
    *,
    metrics: tuple[Metric, ...],
    params: Mapping[str, Any] | None,
    tags: Mapping[str, str] | None,
) -> Metadata:
    """Return metadata; fields that `register` has parameters of their own for come from these.

    Raises:
        InvalidValue: An unknown field (similar ones are suggested), or a value that is no JSON.
    """
    stated = metadata if isinstance(metadata, Metadata) else _from_dict(metadata or {})
    return attrs.evolve(
        stated,
        metrics=metrics or stated.metrics,
        params=_json_object(params, "params") if params is not None else stated.params,
        tags=_texts(tags, "tags") if tags is not None else stated.tags,
        custom=_json_object(stated.custom, "metadata.custom"),
    )


def _from_dict(data: Mapping[str, Any]) -> Metadata:
    fields = {field.name for field in attrs.fields(Metadata)} - {"unknown"}
    for key, value in data.items():
        if key in _OF_THEIR_OWN:
            raise InvalidValue(
                "give this beside the metadata", where=f"metadata[{key!r}]", hint=f"register(..., {key}=...)"
            )
        if key not in fields:
            similar = difflib.get_close_matches(key, fields - _OF_THEIR_OWN, n=1)
            hint = f"Did you mean {similar[0]!r}?" if similar else 'Fields of your own go under "custom".'
            raise InvalidValue("not a metadata field", where=f"metadata[{key!r}]", hint=hint)
        _check_field(key, value)
    return Metadata(**{key: value for key, value in data.items() if value is not None})


def _check_field(key: str, value: object) -> None:
    texts = {"intended_use", "limitations", "ethical_considerations", "owners"}
    expected: tuple[type, ...] = (str, list, tuple) if key in texts else (str,)
    if key == "external_facing":
        expected = (bool,)
    elif key == "custom":
        expected = (Mapping,)
    items = value if isinstance(value, list | tuple) else ()
    if value is not None and (
        not isinstance(value, expected) or not all(isinstance(item, str) for item in items)
    ):
        names = " or ".join("texts" if kind in {list, tuple} else kind.__name__ for kind in expected[:2])
        raise InvalidValue(
            "a metadata field has the wrong type",
            where=f"metadata[{key!r}]",
            expected=names,
            found=type(value).__name__,
        )


def _json_object(data: Mapping[str, Any] | None, where: str) -> Mapping[str, Json]:
    return cast("Mapping[str, Json]", _json(dict(data or {}), where))


def _json(value: Any, where: str) -> Json:
    """Turn what training scripts have (tuples, numpy scalars, paths) into JSON."""
    if isinstance(value, Mapping):
        return {_key(key, where): _json(item, f"{where}[{key!r}]") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json(item, where) for item in value]
    if value is None or isinstance(value, bool | int | float | str):
        return cast("Json", value)
    if callable(item := getattr(value, "item", None)) and getattr(value, "shape", None) == ():
        return _json(item(), where)
    raise InvalidValue(
        "not a JSON value",
        where=where,
        found=type(value).__name__,
        hint="Numbers, texts, lists and dicts can be recorded.",
    )


def _key(key: object, where: str) -> str:
    if not isinstance(key, str):
        raise InvalidValue("a key must be text", where=where, found=repr(key))
    return key


def _texts(texts: Mapping[str, str], where: str) -> dict[str, str]:
    for key, value in texts.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise InvalidValue("must be text", where=f"{where}[{key!r}]", found=type(value).__name__)
    return dict(sorted(texts.items()))


def _kind(value: object, kind: type[Any], where: str) -> Any:
    if not isinstance(value, kind):
        raise InvalidValue(f"not a {kind.__name__}", where=where, found=type(value).__name__)
    return value


def to_base(base: str | BaseModel | Sequence[str | BaseModel] | None) -> tuple[str | BaseModel, ...]:
    """Return base models as they were given; one or several."""
    if base is None:
        return ()
    return (base,) if isinstance(base, str | BaseModel) else tuple(base)


def to_run(run: str | Run | None) -> Run | None:
    """Return the run that a caller states; a text is its URL or id."""
    if isinstance(run, str):
        return Run(url=run) if "://" in run else Run(id=run)
    return run

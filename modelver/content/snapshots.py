"""Datasets whose bytes are stored too: as files of the version, each content once."""

import os
from collections.abc import Iterable, Iterator, Mapping

from modelver.content.places import local_place, status_of
from modelver.content.sources import Source, Sources, WithFiles
from modelver.errors import InvalidValue, NotFound
from modelver.hashing.tree import files_below
from modelver.storage.remote_source import list_remote
from modelver.values.file import Role
from modelver.values.path import version_path
from modelver.values.record import Dataset


def with_snapshots(
    sources: Sources, data: Iterable[Dataset], storage_options: Mapping[str, Mapping[str, object]]
) -> Sources:
    """Return sources with the files of the datasets that are to be stored, of the role ``data``.

    A dataset of one file is ``data/<name><its suffix>`` in the version, a folder is ``data/<name>/``.

    Raises:
        NotFound: There is nothing at a dataset's URI.
        InvalidValue: A dataset that is to be stored names no URI.
    """
    files = tuple(file for dataset in data if dataset.snapshot for file in _files(dataset, storage_options))
    if not files:
        return sources
    if isinstance(sources, WithFiles):
        return WithFiles(sources.sources, (*sources.files, *files))
    return WithFiles(sources, files)


def _files(dataset: Dataset, storage_options: Mapping[str, Mapping[str, object]]) -> Iterator[Source]:
    if not dataset.uri:
        raise InvalidValue("a dataset that is to be stored needs a uri", where=f"data[{dataset.name!r}]")
    path = f"data/{dataset.name}"
    place = local_place(dataset.uri)
    if place is None:
        found = list(list_remote(dataset.uri, storage_options))
        for inside, remote in found:
            suffix = os.path.splitext(remote.name)[1]  # noqa: PTH122 (not a path here)
            yield Source(version_path(f"{path}/{inside}" if inside else path + suffix), remote, Role.DATA)
    elif status_of(place, what=f"dataset {dataset.name!r}") and place.is_dir():
        found_below = files_below(place)
        if not found_below:
            raise NotFound("a dataset that is to be stored is empty", where=place)
        for inside, (file, _) in found_below.items():
            yield Source(version_path(f"{path}/{inside}"), file, Role.DATA)
    else:
        yield Source(version_path(path + place.suffix), place, Role.DATA)

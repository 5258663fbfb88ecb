"""Versions made in memory, the way registering makes them: scanned, cut, fingerprinted."""

from collections.abc import Mapping

import numpy as np
from safetensors.numpy import save

from modelver.compare import Side
from modelver.formats import scan, tensor_spans
from modelver.hashing.algorithm import partition
from modelver.hashing.stream import hash_bytes
from modelver.values.file import FileEntry, Role, role_of
from modelver.values.filemap import FileMap, Range, Tensor
from modelver.values.manifest import Manifest
from modelver.values.name import ModelName
from modelver.values.provenance import Provenance
from modelver.values.record import Metadata, Metric

NAME = ModelName("acme/fraud")


def side(
    files: Mapping[str, bytes],
    *,
    version: str = "1.0.0",
    metadata: Metadata | None = None,
    evaluations: tuple[Metric, ...] = (),
    provenance: Provenance | None = None,
    roles: Mapping[str, Role] | None = None,
) -> Side:
    """Return a version of the files, with their maps and the texts of its prompts."""
    layouts = {
        path: scan(lambda start, size, data=data: data[start : start + size], len(data), path)
        for path, data in files.items()
    }
    spans = tensor_spans(layouts, {path: len(data) for path, data in files.items()})
    digests = {
        path: hash_bytes(data, lengths=partition(len(data), spans[path])) for path, data in files.items()
    }
    role = {path: (roles or {}).get(path, role_of(path)) for path in files}
    return described(
        [FileEntry(path, found.size, found.sha256, role[path]) for path, found in digests.items()],
        {
            path: FileMap(found.size, found.ranges, layouts[path].format, layouts[path].tensors)
            for path, found in digests.items()
        },
        version=version,
        metadata=metadata,
        evaluations=evaluations,
        provenance=provenance,
        prompts={path: data.decode() for path, data in files.items() if role[path] is Role.PROMPT},
    )


def described(
    entries: list[FileEntry],
    maps: Mapping[str, FileMap],
    *,
    version: str = "1.0.0",
    metadata: Metadata | None = None,
    evaluations: tuple[Metric, ...] = (),
    provenance: Provenance | None = None,
    prompts: Mapping[str, str] | None = None,
) -> Side:
    """Return a version of described files."""
    manifest = Manifest(NAME, version, tuple(entries), metadata or Metadata())
    return Side(NAME, manifest, manifest.digest, maps, evaluations, provenance, prompts or {})


def weights(**tensors: object) -> bytes:
    """Return a safetensors file of arrays."""
    return save({name: np.ascontiguousarray(values) for name, values in tensors.items()})


def one_tensor(
    *ranges: tuple[int, str], version: str, sha256: str, tensor: Tensor | None = None, size: int | None = None
) -> Side:
    """Return a version of one weights file, of ranges with these lengths and fingerprints that hold one tensor."""
    offsets = [sum(length for length, _ in ranges[:index]) for index in range(len(ranges))]
    found = tuple(Range(offset, length, xxh3) for offset, (length, xxh3) in zip(offsets, ranges, strict=True))
    total = sum(length for length, _ in ranges)
    values = tensor or Tensor("w", "uint8", (total,), 0, total)
    entry = FileEntry("m.safetensors", total if size is None else size, sha256 * 64, Role.WEIGHTS)
    return described([entry], {entry.path: FileMap(total, found, "safetensors", (values,))}, version=version)

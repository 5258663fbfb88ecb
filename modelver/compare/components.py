"""What a version is made of, in two versions: the same or not, and why."""

from collections.abc import Iterator, Mapping
from typing import Literal

import attrs

from modelver.compare.files import compare_files, counted
from modelver.compare.metadata import Difference, differences
from modelver.compare.side import Side
from modelver.values.canonical import Json
from modelver.values.file import FileEntry, Role
from modelver.values.provenance import Code, Environment
from modelver.values.record import Dataset

Status = Literal["same", "changed", "added", "removed", "unknown"]

_FILES = {
    "weights": Role.WEIGHTS,
    "config": Role.CONFIG,
    "prompts": Role.PROMPT,
    "tokenizer": Role.TOKENIZER,
    "data": Role.DATA,
    "code": Role.CODE,
    "docs": Role.DOC,
    "other": Role.OTHER,
}
COMPONENTS = (*_FILES, "environment")
"""The components' names, in the order in which they are shown."""


@attrs.frozen
class ComponentRow:
    """How one component differs between two versions.

    Attributes:
        component: One of `COMPONENTS`.
        status: ``same`` (also where both have none), ``changed``, ``added``, ``removed``, or ``unknown`` where what was
            recorded does not tell.
        reason: Why, for people.
        details: What differs inside: datasets' digests, the commit, Python and packages.
    """

    component: str
    status: Status
    reason: str
    details: tuple[Difference, ...] = ()

    def to_dict(self) -> dict[str, Json]:
        """Return the row as plain JSON data, without the component's name."""
        return {
            "status": self.status,
            "reason": self.reason,
            "details": [detail.to_dict() for detail in self.details],
        }


@attrs.frozen
class _Part:
    """What one source says of a component, such as a dataset or the files of its role."""

    status: Status
    reason: str
    details: tuple[Difference, ...] = ()


def compare_components(a: Side, b: Side) -> tuple[ComponentRow, ...]:
    """Compare each of `COMPONENTS`, in their order.

    Files count by their role. Data is also what the metadata states, code also the commit that is stated or was
    captured, and the environment is what was captured.
    """
    more = {"data": list(_data(a, b)), "code": list(_code(a, b))}
    rows = []
    for component, role in _FILES.items():
        parts = list(_files(_of_role(a, role), _of_role(b, role))) + more.get(component, [])
        if component == "code" and not parts:
            parts = [_Part("unknown", "no commit recorded")]
        rows.append(_together(component, parts))
    return (*rows, _together("environment", [_environment(a, b)]))


def _together(component: str, parts: list[_Part]) -> ComponentRow:
    found = {part.status for part in parts}
    status: Status
    if not parts:
        return ComponentRow(component, "same", "none")
    if len(found) == 1:
        status = parts[0].status
    elif found & {"changed", "added", "removed"}:
        status = "changed"
    else:
        status = "unknown"
    reason = "; ".join(part.reason for part in parts)
    return ComponentRow(component, status, reason, tuple(detail for part in parts for detail in part.details))


def _of_role(side: Side, role: Role) -> list[FileEntry]:
    return [entry for entry in side.manifest.files if entry.role is role]


def _files(a: list[FileEntry], b: list[FileEntry]) -> Iterator[_Part]:
    if not a and not b:
        return
    changes = compare_files(a, b)
    if not changes:
        yield _Part("same", f"{counted(changes.unchanged, 'file')} of the same bytes")
    else:
        yield _Part("added" if not a else "removed" if not b else "changed", f"files: {changes}")


def _data(a: Side, b: Side) -> Iterator[_Part]:
    first, second = _datasets(a), _datasets(b)
    for key in sorted(first.keys() | second.keys()):
        one, other = first.get(key), second.get(key)
        status, reason = _dataset(one, other)
        label = f"{key[0]}[{key[1]}]" if key[1] else key[0]
        yield _Part(status, f"{label}: {reason}", tuple(_digests(label, one, other)))


def _digests(label: str, a: Dataset | None, b: Dataset | None) -> Iterator[Difference]:
    if a is None or b is None or a.digest != b.digest:
        yield Difference(label, a.digest if a else None, b.digest if b else None)
    elif not a.digest and a.version != b.version:
        yield Difference(f"{label}.version", a.version, b.version)


def _datasets(side: Side) -> Mapping[tuple[str, str, int], Dataset]:
    """Return the stated datasets by name, split, and how often these came before."""
    found: dict[tuple[str, str, int], Dataset] = {}
    for dataset in side.manifest.metadata.data:
        again = 0
        while (dataset.name, dataset.split, again) in found:
            again += 1
        found[dataset.name, dataset.split, again] = dataset
    return found


def _dataset(a: Dataset | None, b: Dataset | None) -> tuple[Status, str]:
    if a is None or b is None:
        return ("added", "added") if a is None else ("removed", "removed")
    if a.digest and a.digest == b.digest:
        return "same", "same digest"
    if a.digest and b.digest and a.method == b.method:
        return "changed", "other digest"
    if a.version and b.version and a.version != b.version:
        return "changed", f"version {a.version} -> {b.version}"
    if a.digest and b.digest:
        return "unknown", f"digested by {a.method or 'nothing said'}, then by {b.method or 'nothing said'}"
    return "unknown", "no digest to compare"


def _code(a: Side, b: Side) -> Iterator[_Part]:
    one, other = a.code, b.code
    if one is None and other is None:
        return
    if one is None or other is None:
        yield _Part("unknown", f"no commit recorded of {a.ref if one is None else b.ref}")
        return
    details = differences(attrs.asdict(one), attrs.asdict(other))
    status, reason = _commits(one, other)
    yield _Part(status, reason, details)


def _commits(a: Code, b: Code) -> tuple[Status, str]:
    if not a.commit or not b.commit:
        return "unknown", "no commit recorded"
    if a.commit != b.commit:
        return "changed", f"commit {a.commit[:12]} -> {b.commit[:12]}"
    if a.path != b.path:
        return "changed", f"folder {a.path or '.'} -> {b.path or '.'} of commit {b.commit[:12]}"
    if a.dirty is False and b.dirty is False:
        return "same", f"commit {b.commit[:12]}"
    return "unknown", f"commit {b.commit[:12]}, perhaps with uncommitted changes"


def _environment(a: Side, b: Side) -> _Part:
    one, other = (side.provenance.environment if side.provenance else None for side in (a, b))
    if one is None or other is None:
        missing = [side.ref for side, found in ((a, one), (b, other)) if found is None]
        return _Part("unknown", f"not captured for {' and '.join(missing)}")
    details = differences(_environment_fields(one), _environment_fields(other))
    if not details:
        return _Part(
            "same", f"{other.implementation} {other.python}, {counted(len(other.packages), 'package')}"
        )
    packages = sum(detail.field.startswith("packages.") for detail in details)
    changed = [
        f"{detail.field} {detail.a} -> {detail.b}" if detail.field == "python" else detail.field
        for detail in details
        if not detail.field.startswith("packages.")
    ]
    if packages:
        changed.append(counted(packages, "package"))
    return _Part("changed", ", ".join(changed), details)


def _environment_fields(environment: Environment) -> dict[str, Json]:
    packages = {f"packages.{name}": version for name, version in environment.packages.items()}
    return {
        "python": environment.python,
        "implementation": environment.implementation,
        "platform": environment.platform,
        "machine": environment.machine,
        "accelerators": list(environment.accelerators),
        **packages,
    }

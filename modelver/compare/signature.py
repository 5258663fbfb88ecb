"""What two versions take and give: inputs and outputs, as stated or as an ONNX graph tells them."""

from collections.abc import Iterator, Sequence

from modelver.compare.side import Side
from modelver.values.making import Port

_NAMED = 3


def compare_signatures(a: Side, b: Side) -> Iterator[str]:
    """Yield, for people, how inputs and outputs differ; nothing where a side's are not known."""
    for kind in ("inputs", "outputs"):
        one, other = _ports(a, kind), _ports(b, kind)
        if one and other:
            yield from _differences(kind, one, other)


def _ports(side: Side, kind: str) -> Sequence[Port]:
    stated = side.manifest.metadata.architecture
    found: Sequence[Port] = getattr(stated, kind) if stated else ()
    if found:
        return found
    graphs = [each for each in side.maps.values() if each.inputs or each.outputs]
    return getattr(graphs[0], kind) if len(graphs) == 1 else ()


def _differences(kind: str, a: Sequence[Port], b: Sequence[Port]) -> Iterator[str]:
    from modelver.compare.sections import plain

    first, second = ({port.name: port for port in ports} for ports in (a, b))
    changes = {
        "removed": sorted(first.keys() - second.keys()),
        "added": sorted(second.keys() - first.keys()),
        "changed": [name for name in first if name in second and _differ(first[name], second[name])],
    }
    for change, names in changes.items():
        if names:
            more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
            yield f"{kind} {change}: {', '.join(map(plain, names[:_NAMED]))}{more}"


def _differ(a: Port, b: Port) -> bool:
    """Tell whether callers have to give, or get, something else; what one side does not know is no difference."""
    if a.dtype and b.dtype and a.dtype != b.dtype:
        return True
    if a.shape is None or b.shape is None:
        return False
    return [_size(each) for each in a.shape] != [_size(each) for each in b.shape]


def _size(dimension: int | str) -> int | None:
    return dimension if isinstance(dimension, int) else None

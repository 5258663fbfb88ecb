"""Who reads release notes, and what each gets: what it needs, and nothing that harms."""

from collections.abc import Mapping
from typing import Literal, TypeAlias, cast

from modelver.values.canonical import Json

Audience: TypeAlias = Literal["product", "legal", "comms", "support", "engineering"]

_ALL = frozenset(
    {"model", "a", "b", "description", "changes", "intended_use", "limitations", "external_facing"}
)
_METRICS = frozenset({"metrics", "headline_metrics", "worse"})
_INSIDE = frozenset(
    {
        "components",
        "tensors",
        "prompts",
        "files",
        "params",
        "identical",
        "same_weights",
        "license",
        "data",
        "base",
    }
)

AUDIENCES: Mapping[Audience, frozenset[str]] = {
    "product": _ALL
    | _METRICS
    | {"owners", "changed_components", "ethical_considerations", "approved_roles", "rollback"},
    "legal": _ALL
    | _METRICS
    | {
        "owners",
        "changed_components",
        "ethical_considerations",
        "license",
        "data",
        "base",
        "approvals",
        "approved_roles",
    },
    "comms": _ALL | {"headline_metrics", "approved_roles"},
    "support": _ALL | {"owners", "headline_metrics", "worse", "changed_components", "rollback"},
    "engineering": _ALL
    | _METRICS
    | _INSIDE
    | {"owners", "changed_components", "ethical_considerations", "approvals", "approved_roles", "rollback"},
}
"""What of the data each audience gets; a template can't say more."""

_NAMES_NOBODY = frozenset({"comms"})
_PRIVATE = frozenset({"by", "registered_by", "digest", "aliases"})
_SEES_EXPERIMENTS = frozenset({"engineering"})


def names_people(audience: Audience) -> bool:
    """Tell whether what an audience gets may say who did something, and why."""
    return audience not in _NAMES_NOBODY


def data_for(audience: Audience, data: Mapping[str, Json]) -> dict[str, Json]:
    """Return what an audience gets of the data of release notes.

    Engineering alone gets the pre-releases between two releases. What goes to comms names no person, and says of a
    yanked version that it was, not why.
    """
    chosen = {key: value for key, value in data.items() if key in AUDIENCES[audience]}
    changes = cast("list[dict[str, Json]]", chosen["changes"])
    if audience not in _SEES_EXPERIMENTS:
        last = cast("Mapping[str, Json]", data["b"])["version"]
        changes = [each for each in changes if not each["prerelease"] or each["version"] == last]
    chosen["changes"] = list(changes)
    if audience in _NAMES_NOBODY:
        chosen["changes"] = [_impersonal(each) for each in changes]
        for side in ("a", "b"):
            chosen[side] = _impersonal(cast("Mapping[str, Json]", chosen[side]))
    return chosen


def _impersonal(fields: Mapping[str, Json]) -> dict[str, Json]:
    kept = {key: value for key, value in fields.items() if key not in _PRIVATE}
    return {**kept, "yanked": None if kept["yanked"] is None else ""}

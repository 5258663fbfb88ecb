"""A row as it is read back: the variables of expressions, and what a version is made of."""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple, cast

from modelver.expressions.expression import Subject
from modelver.gates.subject import Figures
from modelver.index.row import standing_roles
from modelver.values.record import Metric
from modelver.values.wire import parse_time

COLUMNS = (
    "v.id, m.name, m.scheme, v.name, v.version, v.digest, v.seq, v.commit_digest, v.created_at, v.created_by, v.yanked,"
    " b.body FROM versions v JOIN bodies b ON b.version = v.id JOIN models m ON m.id = v.model"
)
"""What a row is read from, ready for a WHERE."""


class Stored(NamedTuple):
    """A row of the table ``versions``; see `modelver.index.row.Row`.

    Attributes:
        id: The row's number.
        model: The model's name, as its maker spelled it.
        scheme: The model's scheme.
    """

    id: int
    model: str
    scheme: str
    name: str
    version: str
    digest: str
    seq: int
    commit: str
    created_at: str
    created_by: str
    yanked: int
    body: str

    def subject(self, at: str) -> Subject:
        """Return the variables as `modelver.gates.subject.subject` gives them.

        Args:
            at: The time, as `format_time` writes it: approvals that have expired by then don't count.

        Raises:
            ValueError: The row is damaged.
        """
        body = json.loads(self.body)
        figures = body.pop("figures")
        approvals = body.pop("approvals")
        return {
            "name": self.name,
            "version": self.version,
            **body,
            "metric": partial(_metric, figures),
            "approvals": standing_roles(approvals, at),
            "created_at": parse_time(self.created_at),
            "created_by": self.created_by,
            "current": None,
        }


def _metric(figures: Sequence[Sequence[object]], *arguments: str) -> float | None:
    known = cast("Sequence[tuple[str, str, str, float]]", figures)
    return Figures(Metric(name, value, dataset, part) for name, dataset, part, value in known).metric(
        *arguments
    )


def value_at(variables: Subject, path: Sequence[str]) -> object:
    """Return what the variables have at a path, or None."""
    value: object = variables
    for key in path:
        if not isinstance(value, Mapping) or key not in value:
            return None
        value = value[key]
    return value

"""What answers a request: a loaded model and its version, held together."""

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Generic, TypeVar
from weakref import ref

import attrs

from modelver.values.model_version import ModelVersion

T_co = TypeVar("T_co", covariant=True)


@attrs.frozen
class Served(Generic[T_co]):
    """A loaded model with the version that it is.

    Attributes:
        model: What the follower's ``load`` made.
        version: The version; its ``alias`` is the one that was followed.
        telemetry: `ModelVersion.telemetry`, made once, for logs, spans and headers.
    """

    model: T_co = attrs.field(repr=False)
    version: ModelVersion
    telemetry: Mapping[str, str | bool] = attrs.field(repr=False)
    # Keeps the version's folder on the disk while the model may read from it.
    _files: object = attrs.field(default=None, alias="files", repr=False, eq=False)


class Mark(ref[Served[object]]):
    """One use of a model: it says of which, and holds it not.

    Attributes:
        ended: Whether the use is over.
    """

    ended = False


ANSWERING: ContextVar[tuple[Mark, ...]] = ContextVar("modelver_answering", default=())
"""What this thread or task uses, and answers last; set by `Follower.use`. A task that was begun there inherits it, and may
live for ever: so it holds no model."""


def now_serving() -> Served[object] | None:
    """Return what answers in this thread or task, inside of ``with follower.use()``; else None."""
    using = ANSWERING.get()
    return using[-1]() if using else None

"""What answers a request: a loaded model and its version, held together."""

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Generic, TypeVar

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


ANSWERING: ContextVar[Served[object] | None] = ContextVar("modelver_answering", default=None)
"""What answers in this thread or task; set by `Follower.use`."""


def now_serving() -> Served[object] | None:
    """Return what answers in this thread or task, inside of ``with follower.use()``; else None."""
    return ANSWERING.get()

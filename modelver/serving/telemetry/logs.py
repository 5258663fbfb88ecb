"""The version in log records, for `logging` and for structlog."""

import logging
from collections.abc import MutableMapping

from modelver.serving.served import now_serving

FIELDS = {
    "model_name": "model.name",
    "model_version": "model.version",
    "model_digest": "model.digest",
    "model_alias": "model.alias",
    "model_external_facing": "model.external_facing",
}
"""Fields of a log record, and what of `ModelVersion.telemetry` each of them has: a format can't name a dotted one."""

_NOTHING = dict.fromkeys(FIELDS, "")


class VersionFilter(logging.Filter):
    """Adds the version that answers to each log record; lets all of them pass.

    The record gets ``model_name``, ``model_version``, ``model_digest``, ``model_alias`` and ``model_external_facing``:
    of the version that is used in the thread or task which logs, and empty outside of `Follower.use`, so that a format
    may always name them. What the record has already is kept.

    Add it to a handler, which sees the records of all loggers; where records go through a queue, to the
    ``QueueHandler``, which still runs in the thread that logs.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the fields."""
        fields = record.__dict__
        served = now_serving()
        if served is None:
            for field in _NOTHING:
                fields.setdefault(field, "")
        else:
            telemetry = served.telemetry
            for field, key in FIELDS.items():
                fields.setdefault(field, telemetry[key])
        return True


def add_version(
    logger: object,  # noqa: ARG001 (structlog's signature)
    method_name: str,  # noqa: ARG001 (as above)
    event_dict: MutableMapping[str, object],
) -> MutableMapping[str, object]:
    """Add the version that answers to an event: a processor for structlog.

    The fields are those of `VersionFilter`. Outside of `Follower.use` there are none, and what the event has already is
    kept. Put it before a processor that renders.
    """
    served = now_serving()
    if served is not None:
        telemetry = served.telemetry
        for field, key in FIELDS.items():
            event_dict.setdefault(field, telemetry[key])
    return event_dict

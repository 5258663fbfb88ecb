"""The version as attributes of OpenTelemetry; why these names: docs/decisions/spans-name-models-in-words-of-their-own.md."""

from typing import Any, TypeAlias

from modelver.serving.follower import Follower
from modelver.serving.served import Served
from modelver.values.model_version import ModelVersion

Attributes: TypeAlias = dict[str, str | bool]


def resource_attributes(what: ModelVersion | Follower[Any]) -> Attributes:
    """Return the attributes of a resource: what holds as long as the process lives.

    Args:
        what: The one version that a process works with, such as a batch job; or what a server follows, whose version
            will change, so that it is for spans to say (`VersionSpanProcessor`).

    Returns:
        `ModelVersion.telemetry` of a version; of a follower ``model.name`` and ``model.alias`` alone.

    Raises:
        InvalidValue: The follower was closed.
    """
    if isinstance(what, ModelVersion):
        return what.telemetry()
    telemetry = what.current.telemetry
    return {key: telemetry[key] for key in ("model.name", "model.alias")}


def gen_ai_attributes(served: Served[object]) -> Attributes:
    """Return what a span of generative AI says of the version, by OpenTelemetry's conventions for these.

    Returns:
        ``gen_ai.request.model``, what was asked for, such as ``acme/support-bot@production``, and
        ``gen_ai.response.model``, what answered, such as ``acme/support-bot:1.3.0``.
    """
    telemetry = served.telemetry
    name, alias = telemetry["model.name"], telemetry["model.alias"]
    answered = f"{name}:{telemetry['model.version']}"
    return {
        "gen_ai.request.model": f"{name}@{alias}" if alias else answered,
        "gen_ai.response.model": answered,
    }

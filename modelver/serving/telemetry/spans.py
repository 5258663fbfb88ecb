"""The version on the spans of OpenTelemetry."""

from typing import TYPE_CHECKING

from modelver.errors import InvalidValue
from modelver.serving.listening import LISTENERS
from modelver.serving.served import Served, now_serving
from modelver.serving.telemetry.attributes import gen_ai_attributes

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
    from opentelemetry.trace import Span as AnySpan
else:
    # The SDK asks for the methods, not for the class; so this module can be imported without it.
    SpanProcessor = object

_GEN_AI = "gen_ai.operation.name"
_REFS = "model.refs"
_REFS_SHOWN = 16


class VersionSpanProcessor(SpanProcessor):
    """Stamps spans with the version that answers.

    A span that starts within `Follower.use` gets the attributes of `ModelVersion.telemetry`: ``model.name``,
    ``model.version``, ``model.digest``, ``model.alias``, ``model.external_facing``. So does the span that is current
    when a use begins, such as the server's for the request, which started before. The first version keeps a span's
    attributes; where a span sees several, ``model.refs`` lists them all, sixteen at most. A span of generative AI (one
    that starts with ``gen_ai.operation.name``) gets ``gen_ai.request.model`` and ``gen_ai.response.model`` too.

    Add it to the tracer provider: ``provider.add_span_processor(mv.VersionSpanProcessor())``. The provider's shutdown
    ends it.

    Raises:
        InvalidValue: OpenTelemetry is not installed.
    """

    def __init__(self) -> None:
        try:
            from opentelemetry.trace import get_current_span
        except ImportError:
            raise InvalidValue(
                "spans need the opentelemetry-api package",
                hint="Install it: pip install 'modelver[opentelemetry]'",
            ) from None
        self._current = get_current_span
        LISTENERS.add(self._stamp_current)

    def on_start(self, span: "Span", parent_context: "Context | None" = None) -> None:  # noqa: ARG002 (the SDK's signature)
        """Stamp a span that starts within a use."""
        served = now_serving()
        if served is not None:
            _stamp(span, served)

    def _on_ending(self, span: "Span") -> None:
        """Leave a span that ends as it is."""

    def on_end(self, span: "ReadableSpan") -> None:
        """Leave a span that has ended as it is."""

    def shutdown(self) -> None:
        """Stamp no more."""
        LISTENERS.remove(self._stamp_current)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002 (the SDK's signature)
        """Keep nothing back."""
        return True

    def _stamp_current(self, served: Served[object]) -> None:
        span = self._current()
        if span.is_recording():
            _stamp(span, served)


def _stamp(span: "AnySpan", served: Served[object]) -> None:
    known = getattr(span, "attributes", None) or {}
    digest = known.get("model.digest")
    if digest is None:
        attributes = dict(served.telemetry)
        if _GEN_AI in known:
            attributes |= gen_ai_attributes(served)
            if "gen_ai.request.model" in known:
                del attributes["gen_ai.request.model"]
        span.set_attributes(attributes)
    elif digest != served.telemetry["model.digest"]:
        refs = known.get(_REFS) or (f"{known['model.name']}:{known['model.version']}",)
        ref = f"{served.telemetry['model.name']}:{served.telemetry['model.version']}"
        if ref not in refs and len(refs) < _REFS_SHOWN:
            span.set_attribute(_REFS, (*refs, ref))

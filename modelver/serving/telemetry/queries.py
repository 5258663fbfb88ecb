"""PromQL over the metrics of `FollowerCollector`, and over a histogram of requests that is joined to them.

In Grafana's notation: ``$model`` and ``$alias`` are chosen on the page, ``$requests`` is the histogram's name without
``_bucket``, and ``$status`` its label of the HTTP status.
"""

import json

_WHICH = '{model="$model", alias="$alias"}'
_WINDOW = "$__rate_interval"
_INFO = f"modelver_model_info{_WHICH}"
_VERSION = f"* on (job, instance) group_left (version) {_INFO}"
"""One series a server: a metrics' registry has each alias once, and a swap ends the old series."""


def _rate(name: str, labels: str = "") -> str:
    return f"rate(${{requests}}_{name}{labels}[{_WINDOW}]) {_VERSION}"


MODELS = "label_values(modelver_model_info, model)"
ALIASES = 'label_values(modelver_model_info{model="$model"}, alias)'

SERVED = _INFO
INSTANCES = f"count by (version) ({_INFO})"
VERSIONS = f"count(count by (version) ({_INFO}))"
SWAPS = f"sum by (instance) (increase(modelver_swaps_total{_WHICH}[{_WINDOW}]))"
FAILURES = f"sum by (stage) (increase(modelver_failures_total{_WHICH}[{_WINDOW}]))"
FAILING = f"sum(modelver_failing{_WHICH})"
AGE = f"max by (instance) (modelver_age_seconds{_WHICH})"
FETCH = f"max by (instance) (modelver_last_fetch_seconds{_WHICH})"
LOAD = f"max by (instance) (modelver_last_load_seconds{_WHICH})"
SWAP_TIMES = (
    f"modelver_last_swap_timestamp_seconds{_WHICH} * 1000"
    f" * on (job, instance, model, alias) group_left (version) {_INFO}"
)

_BAD = '{${status}=~"5.."}'
_ALL = f"sum by (version) ({_rate('count')})"
_FAILED = f"sum by (version) ({_rate('count', _BAD)})"

RATE = _ALL
ERRORS = f"({_FAILED} or {_ALL} * 0) / {_ALL}"
LATENCY = {
    f"p{round(quantile * 100)}": f"histogram_quantile({quantile}, sum by (le, version) ({_rate('bucket')}))"
    for quantile in (0.5, 0.95, 0.99)
}


def quoted(text: str) -> str:
    """Return text as a literal of PromQL, whose escapes are those of JSON."""
    return json.dumps(text, ensure_ascii=False)

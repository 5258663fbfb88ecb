"""A dashboard for Grafana, of the metrics of `FollowerCollector` and of the requests that versions answered."""

from collections.abc import Mapping
from itertools import count

from modelver.serving.telemetry.queries import (
    AGE,
    ALIASES,
    ERRORS,
    FAILING,
    FAILURES,
    FETCH,
    INSTANCES,
    LATENCY,
    LOAD,
    MODELS,
    RATE,
    SERVED,
    SWAP_TIMES,
    SWAPS,
    VERSIONS,
)
from modelver.values.canonical import Json

SCHEMA = 41
"""Version of the dashboard's JSON: Grafana 11.6 and later read it as it is, and later ones raise it by themselves."""

_SOURCE: Json = {"type": "prometheus", "uid": "${datasource}"}
_WIDTH = 24
_HEIGHT = 8

Panel = dict[str, Json]


def dashboard(*, model: str = "", alias: str = "production") -> dict[str, Json]:
    """Return the dashboard as what Grafana imports.

    Args:
        model: The model that it shows first; the page's own menu offers all.
        alias: The alias that it shows first.
    """
    return {
        "uid": "modelver-versions",
        "title": "Model versions in production",
        "description": "Which version of a model each server answers with, and how each version does.",
        "tags": ["modelver"],
        "timezone": "browser",
        "editable": True,
        "graphTooltip": 1,
        "time": {"from": "now-6h", "to": "now"},
        "fiscalYearStartMonth": 0,
        "refresh": "30s",
        "schemaVersion": SCHEMA,
        "templating": {"list": _variables(model, alias)},
        "annotations": {"list": [_swaps_annotation()]},
        "panels": list(_placed(_panels())),
    }


def _panels() -> list[list[Panel]]:
    """Return the panels, line by line."""
    return [
        [_heading("What is served")],
        [
            _table("Served now", "The version of each server.", SERVED),
            _chart(
                "Servers by version",
                "While a swap is on its way there are two.",
                {"{{version}}": INSTANCES},
                stacked=True,
            ),
        ],
        [_timeline("Version by server", "Each server's versions, one line each.", SERVED)],
        [_heading("Following")],
        [
            _number(
                "Versions at a time", "More than one for long: some servers can't swap.", VERSIONS, limit=2
            ),
            _number("Servers that fail", "What the alias names can't be served there.", FAILING, limit=1),
            _chart("Swaps", "Versions that were swapped in.", {"{{instance}}": SWAPS}, bars=True),
        ],
        [
            _chart("Failures", "By the step that failed.", {"{{stage}}": FAILURES}, bars=True),
            _chart(
                "Age",
                "Since the registry last confirmed what the alias names.",
                {"{{instance}}": AGE},
                unit="s",
            ),
            _chart(
                "Time to swap",
                "The last swap's download with verification, and load with check.",
                {"fetch {{instance}}": FETCH, "load {{instance}}": LOAD},
                unit="s",
            ),
        ],
        [_heading("Requests by version")],
        [
            _chart("Requests", _JOINED, {"{{version}}": RATE}, unit="reqps", stacked=True),
            _chart("Errors", _JOINED, {"{{version}}": ERRORS}, unit="percentunit"),
            _chart(
                "Latency",
                _JOINED,
                {f"{quantile} {{{{version}}}}": query for quantile, query in LATENCY.items()},
                unit="s",
            ),
        ],
        [_advice()],
    ]


_JOINED = (
    "Joined to the version that each server serves: for as long as the query's window, the first requests after a swap "
    "are mixed with the last ones before it."
)


def _placed(lines: list[list[Panel]]) -> list[Json]:
    """Give each panel its number and its place; a line's panels share its width."""
    numbers, top = count(1), 0
    placed: list[Json] = []
    for line in lines:
        width = _WIDTH // len(line)
        height = 1 if line[0]["type"] == "row" else _HEIGHT
        for index, panel in enumerate(line):
            place: Json = {"x": index * width, "y": top, "w": width, "h": height}
            placed.append({**panel, "id": next(numbers), "gridPos": place})
        top += height
    return placed


def _heading(title: str) -> Panel:
    return {"type": "row", "title": title, "collapsed": False, "panels": []}


def _panel(
    kind: str, title: str, description: str, queries: Mapping[str, str], *, table: bool = False
) -> Panel:
    shape: dict[str, Json] = {"format": "table", "instant": True} if table else {"range": True}
    targets: list[Json] = [
        {"refId": letter, "datasource": _SOURCE, "expr": query, "legendFormat": legend, **shape}
        for letter, (legend, query) in zip("ABCDEF", queries.items(), strict=False)
    ]
    return {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": _SOURCE,
        "targets": targets,
        "transparent": False,
    }


def _chart(
    title: str,
    description: str,
    queries: Mapping[str, str],
    *,
    unit: str = "short",
    stacked: bool = False,
    bars: bool = False,
) -> Panel:
    custom: dict[str, Json] = {
        "drawStyle": "bars" if bars else "line",
        "fillOpacity": 40 if stacked or bars else 0,
        "lineInterpolation": "stepAfter" if stacked else "linear",
        "stacking": {"mode": "normal" if stacked or bars else "none", "group": "A"},
    }
    return {
        **_panel("timeseries", title, description, queries),
        "fieldConfig": {"defaults": {"unit": unit, "min": 0, "custom": custom}, "overrides": []},
        "options": {
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
    }


def _number(title: str, description: str, query: str, *, limit: int) -> Panel:
    steps: list[Json] = [{"value": None, "color": "green"}, {"value": limit, "color": "red"}]
    return {
        **_panel("stat", title, description, {"": query}),
        "fieldConfig": {
            "defaults": {"thresholds": {"mode": "absolute", "steps": steps}, "noValue": "0"},
            "overrides": [],
        },
    }


def _timeline(title: str, description: str, query: str) -> Panel:
    return {
        **_panel("state-timeline", title, description, {"{{instance}} {{version}}": query}),
        "fieldConfig": {
            "defaults": {"custom": {"fillOpacity": 70, "lineWidth": 0}, "color": {"mode": "palette-classic"}},
            "overrides": [],
        },
        "options": {
            "showValue": "never",
            "rowHeight": 0.8,
            "mergeValues": True,
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False, "calcs": []},
            "tooltip": {"mode": "single", "sort": "none"},
        },
    }


def _table(title: str, description: str, query: str) -> Panel:
    hidden = ("Time", "Value", "__name__", "model", "alias", "job")
    excluded: dict[str, Json] = dict.fromkeys(hidden, True)
    organize: Json = {"id": "organize", "options": {"excludeByName": excluded}}
    return {
        **_panel("table", title, description, {"": query}, table=True),
        "transformations": [organize],
        "fieldConfig": {"defaults": {}, "overrides": []},
    }


def _advice() -> Panel:
    text = (
        "**Requests by version** reads the histogram named above, by default the one that OpenTelemetry's conventions "
        "have for HTTP servers. Where your own metrics have a label with the version "
        "(`served.telemetry['model.version']`), query that instead: it is exact in the middle of a swap too.\n\n"
        "**Alerts**: `modelver dashboard --alerts` writes rules for Prometheus."
    )
    return {
        "type": "text",
        "title": "",
        "transparent": True,
        "options": {"mode": "markdown", "content": text},
    }


def _variables(model: str, alias: str) -> list[Json]:
    return [
        {"type": "datasource", "name": "datasource", "label": "Data source", "query": "prometheus"},
        _query_variable("model", MODELS, model),
        _query_variable("alias", ALIASES, alias),
        _text_variable("requests", "Histogram of requests", "http_server_request_duration_seconds"),
        _text_variable("status", "Its label of the status", "http_response_status_code"),
    ]


def _query_variable(name: str, query: str, first: str) -> Json:
    current: dict[str, Json] = {"current": {"text": first, "value": first}} if first else {}
    return {
        "type": "query",
        "name": name,
        "label": name.capitalize(),
        "datasource": _SOURCE,
        "query": {"query": query, "refId": name},
        "refresh": 2,
        "sort": 1,
        **current,
    }


def _text_variable(name: str, label: str, text: str) -> Json:
    chosen: Json = {"text": text, "value": text}
    return {"type": "textbox", "name": name, "label": label, "query": text, "current": chosen}


def _swaps_annotation() -> Json:
    return {
        "name": "Swaps",
        "datasource": _SOURCE,
        "enable": True,
        "iconColor": "purple",
        "expr": SWAP_TIMES,
        "titleFormat": "{{version}}",
        "textFormat": "swapped in on {{instance}}",
        "useValueForTime": True,
    }

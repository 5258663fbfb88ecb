"""The dashboard is one that Grafana reads, and what it asks a real Prometheus has answers."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

import modelver as mv
from modelver.serving.telemetry.alerts import alerts
from modelver.serving.telemetry.dashboard import dashboard
from tests.registries import MODEL
from tests.servers.prometheus import Prometheus
from tests.serving.conftest import until

JOB = "dashboard"
PLUGIN = {"titleFormat", "textFormat", "useValueForTime"}
"""Keys of an annotation that belong to Prometheus's plugin, and that Grafana's schema leaves to it."""


def page(model: str = MODEL) -> dict[str, Any]:
    """Return the dashboard, through JSON."""
    found: dict[str, Any] = json.loads(json.dumps(dashboard(model=model)))
    return found


def chosen(query: str) -> str:
    """Return a query as Grafana asks it, with what is chosen on the page."""
    values = {
        "$__rate_interval": "3s",
        "${requests}": "http_server_request_duration_seconds",
        "${status}": "http_response_status_code",
        "$model": MODEL,
        "$alias": "production",
    }
    for name, value in values.items():
        query = query.replace(name, value)
    assert "$" not in query
    return query


def queries() -> dict[str, str]:
    """Return all queries of the page, by panel and legend."""
    targets = {
        f"{panel['title']} {target['legendFormat']}": chosen(target["expr"])
        for panel in page()["panels"]
        for target in panel.get("targets", ())
    }
    return {**targets, "annotation": chosen(page()["annotations"]["list"][0]["expr"])}


@contextmanager
def exporting(url: str) -> Iterator[int]:
    """Run a server in a process of its own; give the port of its metrics."""
    program = Path(__file__).with_name("exporter.py")
    process = subprocess.Popen(
        [sys.executable, str(program), url, f"{MODEL}@production"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        yield int(process.stdout.readline())
        process.communicate("")
    assert process.returncode == 0


def lost(given: Any, kept: Any, path: str = "") -> list[str]:
    """Return what of the first is not in the second; the second may have more, which are defaults."""
    if isinstance(given, dict) and isinstance(kept, dict):
        keys = {key: f"{path}.{key}" for key in given}
        gone = [name for key, name in keys.items() if key not in kept]
        return gone + [
            each for key in given if key in kept for each in lost(given[key], kept[key], keys[key])
        ]
    if isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        return [each for pair in zip(given, kept, strict=True) for each in lost(*pair, f"{path}[]")]
    return [] if given == kept else [path]


def test_grafana_knows_each_key() -> None:
    """Read and written by the classes that Grafana makes of its own schemas, nothing is lost."""
    register_default_plugins()
    again = json.loads(json.dumps(Dashboard.from_json(page()), cls=JSONEncoder))
    assert [path for path in lost(page(), again) if path.rpartition(".")[2] not in PLUGIN] == []


def test_a_key_that_grafana_does_not_know_is_found() -> None:
    """The check above sees a key, at any depth, that no schema has."""
    register_default_plugins()
    wrong = page()
    wrong["panels"][1]["targets"][0]["expression"] = "up"
    wrong["panels"][2]["options"]["legend"]["shown"] = True
    again = json.loads(json.dumps(Dashboard.from_json(wrong), cls=JSONEncoder))
    assert {path.rpartition(".")[2] for path in lost(wrong, again)} - PLUGIN == {"expression", "shown"}


def test_panels_fill_the_page_without_covering_each_other() -> None:
    """Each has a number and a place of its own on the grid of 24 columns."""
    panels = page()["panels"]
    assert [panel["id"] for panel in panels] == list(range(1, len(panels) + 1))
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert {x for x, _ in cells} == set(range(24))


def test_the_data_source_and_the_model_are_chosen_on_the_page() -> None:
    """No data source is written into it, each variable that a query names is there, and the model is set first."""
    text = json.dumps(page())
    variables = {each["name"]: each for each in page()["templating"]["list"]}
    sources = {json.dumps(found) for found in _sources(page())}
    assert sources == {'{"type": "prometheus", "uid": "${datasource}"}'}
    assert set(re.findall(r"\$\{?([a-z]+)\}?", text)) - {"__rate_interval"} == set(variables)
    assert variables["model"]["current"]["value"] == MODEL
    assert "current" not in {each["name"]: each for each in page("")["templating"]["list"]}["model"]


def _sources(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        if "datasource" in value:
            yield value["datasource"]
        for each in value.values():
            yield from _sources(each)
    if isinstance(value, list):
        for each in value:
            yield from _sources(each)


def test_a_real_prometheus_answers_each_query(registry: mv.Registry, prometheus: Prometheus) -> None:
    """Two servers are scraped while production moves: no query is wrong, none is without an answer."""
    with ExitStack() as stack:
        ports = [stack.enter_context(exporting(registry.url)) for _ in range(2)]
        prometheus.scrape(JOB, *(f"127.0.0.1:{port}" for port in ports))
        stack.callback(prometheus.scrape, JOB)
        all_of = queries()

        def versions(name: str) -> dict[str, float]:
            time.sleep(0.1)  # it is asked again and again
            rows = prometheus.query(all_of[name])
            return {row["metric"]["version"]: float(row["value"][1]) for row in rows}

        until(lambda: versions("Servers by version {{version}}") == {"1.0.0": 2}, "the first version")
        until(lambda: versions("Requests {{version}}").get("1.0.0", 0) > 0, "a request")
        moved = time.time()
        registry.set_alias(MODEL, "production", "1.1.0")
        until(lambda: versions("Servers by version {{version}}") == {"1.1.0": 2}, "the swap")
        until(lambda: versions("Requests {{version}}").get("1.1.0", 0) > 0, "a request of the new one")
        found: dict[str, list[dict[str, Any]]] = {}

        def answered() -> bool:
            at = time.time()  # one moment for all: on a busy machine a scrape fails now and then
            found.update({name: prometheus.query(query, at) for name, query in all_of.items()})
            all_there = all(found.values()) and len(swapped()) == 2
            return all_there and of_the_new("Errors {{version}}") > 0  # each tenth request

        def swapped() -> list[float]:
            rows = [row for row in found["annotation"] if row["metric"]["version"] == "1.1.0"]
            return [float(row["value"][1]) / 1000 for row in rows]

        def of_the_new(name: str) -> float:
            (row,) = (row for row in found[name] if row["metric"]["version"] == "1.1.0")
            return float(row["value"][1])

        until(answered, "an answer to each query")
        assert of_the_new("Errors {{version}}") < 1
        assert 0.005 <= of_the_new("Latency p50 {{version}}") < 1
        assert all(moved <= at <= time.time() for at in swapped())
        assert float(found["Versions at a time "][0]["value"][1]) == 1


def test_the_menus_have_what_there_is() -> None:
    """Models and aliases are values of labels of the info metric."""
    asked = {each["name"]: each["query"] for each in page()["templating"]["list"] if each["type"] == "query"}
    assert {name: query["query"] for name, query in asked.items()} == {
        "model": "label_values(modelver_model_info, model)",
        "alias": 'label_values(modelver_model_info{model="$model"}, alias)',
    }


FOLLOWED = {"model": MODEL, "alias": "production"}
FIRING = {
    "ModelVersionNotServed": "a can not serve what acme/fraud@production names; the old version serves on",
    "ModelRegistryUnreachable": "a has not heard from the registry for 2h 0m 0s",
    "ModelVersionsDiffer": "servers of acme/fraud@production answer with 2 versions",
    "ModelSwapsOften": "acme/fraud@production moves back and forth",
}
"""What is said of two servers after two hours in which all goes wrong on the first."""


def series(name: str, values: str, **labels: str) -> dict[str, str]:
    """Return a series in the words of promtool's tests."""
    text = ", ".join(f'{key}="{value}"' for key, value in {**FOLLOWED, "job": "j", **labels}.items())
    return {"series": f"modelver_{name}{{{text}}}", "values": values}


@pytest.mark.parametrize("model", ["", MODEL])
def test_each_alert_fires(model: str, tmp_path: Path) -> None:
    """Prometheus's own tool reads the rules, and has each fire where it should."""
    (tmp_path / "alerts.yml").write_text(alerts(model=model))
    given = [
        series("failing", "1x120", instance="a"),
        series("age_seconds", "0+60x120", instance="a"),
        series("swaps_total", "0+1x120", instance="a"),
        series("model_info", "1x120", instance="a", version="1.0.0"),
        series("model_info", "1x120", instance="b", version="1.1.0"),
    ]
    where = {
        "ModelVersionNotServed": {"job": "j", "instance": "a"},
        "ModelRegistryUnreachable": {"job": "j", "instance": "a"},
        "ModelSwapsOften": {"job": "j"},
    }
    expected = [
        {
            "eval_time": "2h",
            "alertname": name,
            "exp_alerts": [
                {
                    "exp_labels": {
                        "severity": "info" if name == "ModelSwapsOften" else "warning",
                        **FOLLOWED,
                        **where.get(name, {}),
                    },
                    "exp_annotations": {"summary": summary},
                }
            ],
        }
        for name, summary in FIRING.items()
    ]
    tests = [{"interval": "1m", "input_series": given, "alert_rule_test": expected}]
    (tmp_path / "test.yml").write_text(json.dumps({"rule_files": ["alerts.yml"], "tests": tests}))
    done = subprocess.run(
        ["promtool", "test", "rules", "test.yml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(re.findall(r"- alert: (\w+)", alerts(model=model))) == len(FIRING)

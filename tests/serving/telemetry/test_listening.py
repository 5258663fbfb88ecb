"""Telemetry is told of each use, and never keeps a model from answering."""

import logging
import subprocess
import sys

import pytest

import modelver as mv
from modelver.serving.listening import LISTENERS
from tests.serving.telemetry.support import following


def test_what_fails_in_telemetry_fails_no_request(
    registry: mv.Registry, caplog: pytest.LogCaptureFixture
) -> None:
    """A listener's error is logged, the others are told, and the use is as ever."""
    told: list[str] = []

    def fails(_: mv.Served[object]) -> None:
        raise RuntimeError("as it should")

    def tells(served: mv.Served[object]) -> None:
        told.append(str(served.version.version))

    for listener in (fails, tells, tells):
        LISTENERS.add(listener)
    try:
        with following(registry) as follower, caplog.at_level(logging.ERROR), follower.use() as served:
            assert served.model == "1.0.0"
    finally:
        LISTENERS.remove(fails)
        LISTENERS.remove(tells)
    assert told == ["1.0.0"]
    assert [record.message for record in caplog.records] == ["telemetry failed"]


@pytest.mark.parametrize(
    ("name", "package", "extra"),
    [
        ("VersionSpanProcessor()", "opentelemetry", "opentelemetry"),
        ("FollowerCollector(None)", "prometheus_client", "prometheus"),
    ],
)
def test_a_missing_package_is_named_with_its_extra(name: str, package: str, extra: str) -> None:
    """Where the optional package is not installed, the error says which extra brings it; the rest works."""
    program = f"""
import sys
sys.modules[{package!r}] = None
import modelver as mv
for each in mv.__all__:
    getattr(mv, each)
try:
    mv.{name}
except mv.InvalidValue as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert f"pip install 'modelver[{extra}]'" in done.stdout


def test_telemetry_imports_nothing_heavy() -> None:
    """Log fields and headers need none of the optional packages, nor a framework."""
    program = """
import sys, modelver as mv
mv.VersionFilter, mv.add_version, mv.ASGIVersionHeaders, mv.WSGIVersionHeaders, mv.VersionSpanProcessor
print(*sorted({"opentelemetry", "prometheus_client", "structlog", "starlette", "werkzeug"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""

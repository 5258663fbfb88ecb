"""`modelver guard`, `pin` and `unpin`: what they print, what they return, and where their settings come from."""

import json
import logging
import signal
import subprocess
from pathlib import Path

import pytest

from tests.cli.support import COMMAND, Run

RULE = "current.metrics.error_rate <= 0.05"


def test_a_breach_is_answered_look_after_look(run: Run, figures: Path) -> None:
    """The exit code tells what became of it: 1, then 11, and 0 where all is well."""
    options = (
        "guard",
        "acme/fraud",
        "production",
        "--csv",
        figures,
        "--settle",
        "0s",
        "--apart",
        "0s",
        "--rule",
    )
    first = run(*options, RULE, "--breaches", "2", "--min-samples", "1", code=1)
    assert "acme/fraud@production (1.1.0): breached: reading 1 of 2 in a row" in first.stdout
    second = run(*options, RULE, "--breaches", "2", "--min-samples", "1", "--json", code=11).json
    assert (second["outcome"], second["went_to"], second["ok"]) == ("rolled_back", "1.0.0", False)
    log = run("log", "acme/fraud", "--alias", "production", "--json").json["entries"]
    assert log[-1]["action"] == "guard"
    assert log[-1]["breach"]["readings"] == 2
    assert run(*options, "current.metrics.error_rate <= 1.0", "--min-samples", "0", code=8).stdout
    audit = run("audit", "acme/fraud", "--alias", "production", "--json").json
    assert audit["served"][0]["breach"]["answers"][0]["rule"] == RULE
    assert not logging.getLogger("modelver.guard").disabled, "what goes on in this process is logged again"


def test_settings_come_from_the_project(run: Run, figures: Path, tmp_path: Path) -> None:
    """With the command line's over them, a file's path from the project's folder, and other models left alone."""
    (tmp_path / "modelver.toml").write_text(
        f"""
        [model]
        name = "Acme/Fraud"
        [guard.production]
        rules = ["{RULE}"]
        csv = "kpis.csv"
        settle = "0s"
        breaches = 1
        min_samples = 1
        record = false
        """
    )
    done = run("guard", "acme/fraud", "production", "--dry-run", code=1)
    assert "it would go back to 1.0.0" in done.stdout
    assert run("guard", "acme/fraud", "production", "--rule", "current.samples > 0").stdout
    assert "Give a --rule" in run("guard", "acme/fraud", "staging", code=2).stderr
    done = run("guard", "acme/fraud", "production", "--parquet", "none.parquet", code=8)
    assert "there is no such file: none.parquet" in done.stdout
    assert run("guard", "acme/fraud", "production", code=11).stdout


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("rule = []", "Did you mean rules?"),
        ("breaches = true", "a whole number"),
        ("window = 5", "text"),
        ('window = "soon"', "a length of time"),
        ("queries = 5", "a table"),
    ],
)
def test_a_wrong_setting_is_told_with_its_path(
    run: Run, fraud: str, tmp_path: Path, line: str, told: str
) -> None:
    """And with what was probably meant."""
    (tmp_path / "modelver.toml").write_text(f'[model]\nname = "acme/fraud"\n[guard.production]\n{line}\n')
    done = run("guard", "acme/fraud", "production", code=2)
    assert told in done.stderr
    assert "modelver.toml" in done.stderr
    assert "guard.production." in done.stderr


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--rule", RULE], "one of --prometheus, --csv and --parquet"),
        (["--rule", RULE, "--csv", "a", "--parquet", "b"], "one of --prometheus, --csv and --parquet"),
        (["--rule", RULE, "--prometheus", "http://127.0.0.1:1"], "Give a --query"),
        (["--rule", RULE, "--prometheus", "ftp://x", "--query", "a=b"], "not the address of a Prometheus"),
        (["--rule", RULE, "--csv", "a", "--every", "5s"], "--every goes with --watch"),
        (["--rule", "current.f1 > 1", "--csv", "a"], "Write current.metrics.f1"),
    ],
    ids=str,
)
def test_wrong_usage_is_told(run: Run, fraud: str, options: list[str], told: str) -> None:
    """Nothing was looked at then."""
    assert told in run("guard", "acme/fraud", "production", *options, code=2).stderr


def test_a_prometheus_that_is_not_there_is_an_outage(run: Run, fraud: str) -> None:
    """It is told, without the password in its address, and rolls nothing back."""
    done = run(
        *("guard", "acme/fraud", "production", "--rule", RULE, "--settle", "0s"),
        *("--prometheus", "http://user:hidden@127.0.0.1:1", "--query", 'error_rate=sum(x{v="$version"})'),
        code=8,
    )
    assert "Prometheus can't be asked: http://127.0.0.1:1" in done.stdout
    assert "hidden" not in done.stdout + done.stderr


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_a_loop_ends_cleanly(run: Run, figures: Path, end: signal.Signals) -> None:
    """A line for each look; ended by hand it returns 0."""
    command = ["guard", "acme/fraud", "production", "--csv", str(figures), "--settle", "0s", "--json"]
    options = ["--watch", "--every", "1s", "--rule", "current.samples > 0", "--min-samples", "0"]
    with subprocess.Popen(
        [*COMMAND, *command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stderr
        seen = [json.loads(process.stdout.readline())["outcome"] for _ in range(2)]
        process.send_signal(end)
        assert process.wait(60) == 0
        said = process.stderr.read()
    assert seen == ["ok", "ok"]
    assert "Stopped." in said
    assert "Traceback" not in said


def test_a_pin_is_told_to_whoever_is_refused(run: Run, fraud: str) -> None:
    """And shown beside what the alias serves."""
    done = run("pin", fraud, "production", "--reason", "audit week")
    assert done.stdout == "acme/fraud:1.1.0\n"
    assert "Pinned acme/fraud@production at 1.1.0" in done.stderr
    refused = run("promote", f"{fraud}:1.0.0", "--to", "production", code=6)
    assert "pinned by lena@example.org" in refused.stderr
    assert "PINNED by lena@example.org: audit week" in run("status", fraud).stdout
    assert "production pinned" in run("status", f"{fraud}:1.1.0").stdout
    alias = next(
        each for each in run("status", fraud, "--json").json["aliases"] if each["alias"] == "production"
    )
    assert alias["pinned"]["reason"] == "audit week"
    assert run("status", f"{fraud}:1.1.0", "--json").json["pins"]["production"]["by"] == "lena@example.org"
    assert "production (pinned)" in run("list", fraud).stdout
    assert "production (pinned)" in run("show", f"{fraud}@production").stdout
    again = run("pin", fraud, "production", "--reason", "two weeks")
    assert "in place of lena@example.org's pin: audit week" in again.stderr
    assert "pinned" in run("log", fraud, "--alias", "production").stdout
    assert run("unpin", fraud, "production", "--reason", "over", "--json").json["pinned"] is False
    run("promote", f"{fraud}:1.0.0", "--to", "production")
    assert "--reason" in run("pin", fraud, "production", code=2).stderr

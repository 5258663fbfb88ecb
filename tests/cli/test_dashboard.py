"""The dashboard and its alerts on the command line."""

from pathlib import Path

from tests.cli.support import Run


def test_a_dashboard_is_written_without_a_registry(run: Run, tmp_path: Path) -> None:
    """JSON with and without `--json`, to stdout or to a file; none is made for it."""
    plain = run("dashboard", "--model", "acme/fraud")
    assert plain.json == run("dashboard", "--model", "acme/fraud", "--json").json
    chosen = {each["name"]: each.get("current", {}).get("value") for each in plain.json["templating"]["list"]}
    assert (chosen["model"], chosen["alias"]) == ("acme/fraud", "production")
    done = run("dashboard", "--alias", "staging", "-o", tmp_path / "page.json")
    assert done.stdout == f"{tmp_path}/page.json\n"
    assert '"value": "staging"' in (tmp_path / "page.json").read_text()
    assert not Path("modelver-registry").exists()


def test_alerts_watch_what_is_named(run: Run) -> None:
    """A model and an alias, or each model's production; as JSON they are one text."""
    one = run("dashboard", "--alerts", "--model", "acme/fraud", "--alias", "staging").stdout
    assert 'modelver_failing{alias="staging", model="acme/fraud"}' in one
    each = run("dashboard", "--alerts", "--json").json["alerts"]
    assert 'modelver_failing{alias="production"}' in each


def test_what_is_no_name_is_refused(run: Run) -> None:
    """Nothing reaches a query that could end it."""
    for arguments in (["--model", 'a"}'], ["--alias", 'a"}'], ["--alerts", "--alias", "x y"]):
        assert "Error" in run("dashboard", *arguments, code=2).stderr

"""`modelver search`."""

from tests.cli.support import Run


def test_searching_shows_what_was_asked_about(run: Run, fraud: str) -> None:
    """Each version is a row with its aliases and the values that the expression names."""
    shown = [
        line.split()
        for line in run("search", "metrics.f1 > 0.9", "--order-by", "-metrics.f1").stdout.splitlines()
    ]
    assert shown[0] == ["version", "aliases", "registered", "(UTC)", "metrics.f1"]
    assert [(row[0], row[1], row[-1]) for row in shown[1:]] == [
        ("acme/fraud:1.1.0", "production", "0.93"),
        ("acme/fraud:1.0.0", "staging", "0.91"),
    ]


def test_searching_in_json(run: Run, fraud: str) -> None:
    """The answer has the versions with what the search asked about; null is what a version lacks."""
    run("yank", "acme/fraud:1.0.0", "--reason", "bad")
    answer = run("search", "--text", "recall OR first", "--json").json
    assert answer == {"versions": []}
    found = run("search", "has(tags.team) || metrics.f1 < 0.92", "--json").json["versions"]
    assert [(row["ref"], row["aliases"], row["yanked"]) for row in found] == [
        ("acme/fraud:1.0.0", ["staging"], True)
    ]
    assert found[0]["values"] == {"tags.team": None, "metrics.f1": 0.91}
    assert "YANKED" in run("search", "--limit", "1").stdout


def test_finding_nothing(run: Run, fraud: str) -> None:
    """It is said, and no failure."""
    assert run("search", "metrics.f1 > 2.0", "--model", "acme/*").stdout == "No version was found.\n"
    assert run("search", "--no-fresh", "--text", "better").stdout.count("acme/fraud") == 1


def test_a_bad_expression_is_one_line(run: Run, fraud: str) -> None:
    """The error points at the place."""
    done = run("search", "metrics.f1 > 0.9 and true", code=2)
    assert done.stderr.count("\n") == 1
    assert "column 18" in done.stderr
    assert "Write &&." in done.stderr

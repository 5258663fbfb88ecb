"""`alias`, `rollback`, `yank`, `status` and `log`."""

import pytest

from tests.cli.support import Run


def test_setting_an_alias(run: Run, fraud: str) -> None:
    """The reference of what the alias names is the answer."""
    done = run("alias", fraud, "champion", "1.0.0", "--reason", "best", "--expected-none")
    assert (done.stdout, done.stderr) == ("acme/fraud:1.0.0\n", "acme/fraud@champion is 1.0.0 now\n")
    assert run("show", f"{fraud}@champion", "--json").json["version"] == "1.0.0"


def test_an_alias_can_follow_another(run: Run, fraud: str) -> None:
    """In place of a version there may be an alias: what is in staging goes to production."""
    answer = run("alias", fraud, "production", "staging", "--json").json
    assert (answer["ref"], answer["alias"]) == ("acme/fraud:1.0.0", "production")


@pytest.mark.parametrize(
    ("expected", "code"),
    [
        (["--expected", "1.1.0"], 0),
        (["--expected", "1.0.0"], 5),
        (["--expected-none"], 5),
        (["--expected-generation", "5"], 0),
        (["--expected-generation", "4"], 5),
    ],
)
def test_an_alias_moves_only_from_where_it_is_expected(
    run: Run, fraud: str, expected: list[str], code: int
) -> None:
    """A version, a generation or nothing may be expected; anything else is a Conflict."""
    run("alias", fraud, "production", "1.0.0", *expected, code=code)


def test_listing_aliases(run: Run, fraud: str) -> None:
    """Each alias is shown with what it names, since when, by whom and why."""
    shown = run("alias", fraud).stdout
    assert [line.split()[0] for line in shown.splitlines()] == ["alias", "production", "staging"]
    assert "lena@example.org  passed review" in shown
    production, staging = run("alias", fraud, "--json").json["aliases"]
    assert (production["version"], production["generation"], production["reason"]) == (
        "1.1.0",
        5,
        "passed review",
    )
    assert (staging["ref"], staging["yanked"]) == ("acme/fraud:1.0.0", False)


def test_deleting_an_alias(run: Run, fraud: str) -> None:
    """A deleted alias is gone from the list and stays in the log."""
    done = run("alias", fraud, "staging", "--delete", "--reason", "unused", "--expected", "1.0.0")
    assert (done.stdout, done.stderr) == ("", "Deleted acme/fraud@staging\n")
    assert [row["alias"] for row in run("alias", fraud, "--json").json["aliases"]] == ["production"]
    assert "staging 1.0.0 -> -" in run("log", fraud, "--alias", "staging").stdout
    answer = run("alias", fraud, "production", "--delete", "--json").json
    assert answer == {"model": fraud, "alias": "production", "deleted": True}
    assert run("alias", fraud).stdout == "There are no aliases.\n"
    run("alias", fraud, "staging", "--delete", code=3)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--delete"],
        ["--reason", "why"],
        ["--expected", "1.0.0"],
        ["--commit-id", "x"],
        ["production"],
        ["production", "1.0.0", "--delete"],
        ["production", "--delete", "--commit-id", "x"],
        ["production", "1.0.0", "--expected", "1.0.0", "--expected-none"],
        ["production", "1.0.0", "--expected-generation", "0"],
        ["latest", "1.0.0"],
    ],
)
def test_wrong_usage_moves_nothing(run: Run, fraud: str, arguments: list[str]) -> None:
    """What makes no sense together is refused, and the log stays as it was."""
    before = run("log", fraud, "--json").json
    run("alias", fraud, *arguments, code=2)
    assert run("log", fraud, "--json").json == before


def test_rolling_back(run: Run, fraud: str) -> None:
    """The alias goes back to what it named before; there may be nothing further back."""
    done = run("rollback", fraud, "production", "--reason", "f1 dipped")
    assert (done.stdout, done.stderr) == (
        "acme/fraud:1.0.0\n",
        "Rolled back acme/fraud@production to 1.0.0\n",
    )
    run("rollback", fraud, "production", code=3)


def test_rolling_back_to_a_version(run: Run, fraud: str) -> None:
    """One of the earlier versions can be named; others are refused."""
    run("rollback", fraud, "production", "--to", "1.1.0", code=6)
    answer = run("rollback", fraud, "production", "--to", "1.0.0", "--commit-id", "back", "--json").json
    assert (answer["version"], answer["alias"]) == ("1.0.0", "production")


def test_yanking_what_is_served(run: Run, fraud: str) -> None:
    """The warning names the aliases that still serve the version, and status shows it."""
    done = run("yank", f"{fraud}:1.1.0", "--reason", "trained on the test set")
    assert done.stdout == "acme/fraud:1.1.0\n"
    warning, told = done.stderr.splitlines()
    assert warning.startswith("Warning: acme/fraud:1.1.0 is still what production serves")
    assert told == "Yanked acme/fraud:1.1.0"
    assert "1.1.0 YANKED" in run("status", fraud).stdout
    assert "yanked" in run("status", f"{fraud}:1.1.0").stdout
    assert "YANKED" in run("list", fraud).stdout
    assert "by lena@example.org: trained on the test set" in run("show", f"{fraud}:1.1.0").stdout
    assert "was yanked: trained on the test set" in run("load", f"{fraud}@production").stderr


def test_yanking_needs_a_reason(run: Run, fraud: str) -> None:
    """Without a reason, or with an empty one, nothing is yanked."""
    run("yank", f"{fraud}:1.1.0", code=2)
    run("yank", f"{fraud}:1.1.0", "--reason", " ", code=2)


def test_status_of_a_model(run: Run, fraud: str) -> None:
    """It tells how many versions there are, the highest, and what each alias names."""
    assert run("status", fraud).stdout.splitlines()[0] == "acme/fraud  2 versions, the highest 1.1.0"
    answer = run("status", fraud, "--json").json
    assert (answer["versions"], answer["highest"]) == (2, "1.1.0")
    assert [row["alias"] for row in answer["aliases"]] == ["production", "staging"]


def test_status_of_a_version(run: Run, fraud: str) -> None:
    """It tells the aliases with the time since when, and the metrics."""
    shown = run("status", f"{fraud}@production").stdout
    assert "production  since " in shown
    assert "f1      0.93" in shown
    answer = run("status", f"{fraud}@staging", "--json").json
    assert list(answer["aliases"]) == ["staging"]
    assert answer["yanked"] is None
    assert [(metric["name"], metric["value"]) for metric in answer["metrics"]] == [("f1", 0.91)]


def test_the_log_of_a_model(run: Run, fraud: str) -> None:
    """Each thing that happened is a line, the oldest first, with who and why."""
    lines = run("log", fraud).stdout.splitlines()[1:]
    assert [line.split()[0] for line in lines] == ["1", "2", "2", "3", "4", "5"]
    assert "production 1.0.0 -> 1.1.0  lena@example.org  passed review" in lines[-1]


def test_the_log_of_an_alias(run: Run, fraud: str) -> None:
    """Only the moves of the alias are told; one that never was is NotFound."""
    answer = run("log", fraud, "--alias", "production", "--json").json
    assert answer["subject"] == "acme/fraud@production"
    assert [(entry["previous"], entry["version"]) for entry in answer["entries"]] == [
        ("", "1.0.0"),
        ("1.0.0", "1.1.0"),
    ]
    run("log", fraud, "--alias", "never", code=3)

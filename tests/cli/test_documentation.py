"""docs/cli.md has each verb with all of its options, each exit code, and each key of the JSON answers."""

import re
from pathlib import Path
from typing import Any

import click
import pytest

from modelver.cli import exit_codes
from modelver.cli.main import SHELLS, VERBS, modelver
from tests.cli.support import Run

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")
VERSION = {"ref", "model", "version", "digest", "created_at", "created_by"}
QUERIES = [
    ["init"],
    ["register", "acme/fraud", "build", "--bump", "minor"],
    ["finalize", "acme/fraud:2.0.0-rc.1"],
    ["list"],
    ["list", "acme/fraud"],
    ["release", "--dry-run"],
    ["search", "metrics.f1 > 0.9"],
    ["show", "acme/fraud:1.0.0"],
    ["log", "acme/fraud"],
    ["status", "acme/fraud"],
    ["status"],
    ["status", "acme/fraud:1.0.0"],
    ["alias", "acme/fraud"],
    ["alias", "acme/fraud", "production", "1.0.0"],
    ["alias", "acme/fraud", "production", "--delete"],
    ["promote", "acme/fraud:1.0.0", "--to", "canary"],
    ["approve", "acme/fraud:1.0.0", "--role", "legal"],
    ["reject", "acme/fraud:1.0.0", "--role", "legal", "--reason", "bad"],
    ["policy"],
    ["policy", "acme/fraud"],
    ["rollback", "acme/fraud", "production"],
    ["pin", "acme/fraud", "production", "--reason", "audit"],
    [
        "guard",
        "acme/fraud",
        "production",
        "--rule",
        "current.samples > 0",
        "--csv",
        "kpis.csv",
        "--settle",
        "0s",
    ],
    ["yank", "acme/fraud:1.0.0", "--reason", "bad"],
    ["check", "acme/fraud:1.0.0", "--prompt", "system=build/prompts/system.txt"],
    ["compare", "acme/fraud:1.0.0", "acme/fraud:1.1.0"],
    ["card", "acme/fraud:1.0.0"],
    ["changelog", "acme/fraud"],
    ["audit", "acme/fraud"],
    ["load", "acme/fraud:1.0.0"],
    ["sync", "acme/fraud:1.0.0", "place"],
    ["verify"],
    ["doctor"],
    ["cache", "list"],
    ["cache", "prune", "--all"],
    ["cache", "verify"],
    ["hash", "build"],
]


def section(title: str) -> str:
    """Return the text below a heading, down to the next one of its level."""
    found = re.search(rf"^## `?{re.escape(title)}`?\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found, f"docs/cli.md has no section on {title}"
    return found[1]


def verb(name: str) -> click.Command:
    """Return a verb."""
    found = modelver.get_command(click.Context(modelver), name)
    assert found
    return found


def keys(answer: Any) -> set[str]:
    """Return the keys of an answer, and of the objects in its lists; those that users choose don't count."""
    found = set(answer)
    for value in answer.values():
        for item in value if isinstance(value, list) else []:
            found |= keys(item) if isinstance(item, dict) else set()
    return found


@pytest.mark.parametrize("name", VERBS)
def test_each_option_of_a_verb_is_documented(name: str) -> None:
    """Each option, in each of its spellings, stands in a row of the verb's table."""
    text = section(f"modelver {name}")
    spellings = [spelling for param in verb(name).params for spelling in (*param.opts, *param.secondary_opts)]
    options = [spelling for spelling in spellings if spelling.startswith("-")]
    assert [option for option in options if not re.search(rf"\| .*`{option}[` ]", text)] == []


@pytest.mark.parametrize("name", VERBS)
def test_no_option_is_documented_that_is_not_there(name: str) -> None:
    """Each option in the verb's table exists."""
    rows = re.findall(r"^\| (`-.*?) \|", section(f"modelver {name}").replace("\\|", "/"), re.MULTILINE)
    documented = {option for row in rows for option in re.findall(r"`(--?[a-z-]+)", row)}
    context = verb(name).make_context(name, [], resilient_parsing=True)
    real = {
        spelling for param in verb(name).get_params(context) for spelling in param.opts + param.secondary_opts
    }
    assert documented - real == set()


@pytest.mark.parametrize("name", VERBS)
def test_the_usage_of_a_verb_is_documented(name: str) -> None:
    """The line with the arguments is the one that `--help` prints."""
    context = verb(name).make_context(f"modelver {name}", [], resilient_parsing=True)
    usage = verb(name).get_usage(context).removeprefix("Usage: ")
    assert f"`{' '.join(usage.split())}`" in section(f"modelver {name}")


def test_the_options_before_the_verb_are_documented() -> None:
    """So are the command's own options, and the shells."""
    text = section("modelver")
    for param in modelver.get_params(modelver.make_context("modelver", [], resilient_parsing=True)):
        assert all(f"`{option}" in text for option in param.opts)
    assert all(shell in section("Shell completion") for shell in SHELLS)


def test_each_exit_code_is_documented() -> None:
    """The page's table is the code's table, row by row."""
    rows = re.findall(r"^\| (\d+) \| (.*) \| (.*?) ?\|$", section("Exit codes"), re.MULTILINE)
    assert [(int(code), meaning, error.strip("`")) for code, meaning, error in rows] == [
        (row.code, row.meaning, row.error.__name__ if row.error else "") for row in exit_codes.TABLE
    ]


@pytest.mark.parametrize("query", QUERIES, ids=" ".join)
@pytest.mark.usefixtures("figures")
def test_each_json_key_is_documented(run: Run, fraud: str, build: Path, query: list[str]) -> None:
    """Each key of an answer is named in the verb's section."""
    (build / "model.bin").write_bytes(b"third")
    run("register", fraud, build, "--version", "2.0.0-rc.1", "--no-capture")
    Path("modelver.toml").write_text(
        f'[model]\nname = "{fraud}"\n[components]\nprompts = "build/prompts/*"\n'
    )
    (build / "model.bin").write_bytes(b"fourth")
    answer = run(*query, "--json").json
    if query[0] == "compare":  # the rows of a comparison are documented where it is
        answer = dict.fromkeys(answer)
    text = section(f"modelver {query[0]}")
    linked = section("modelver alias") if query in (["status"], ["status", fraud]) else ""
    known = set(re.findall(r"`([a-z0-9_]+)`", text + linked)) | (
        VERSION if "the version's" in text else set()
    )
    assert keys(answer) - known == set()


def test_the_keys_of_an_error_are_documented(run: Run) -> None:
    """So are the parts of an error."""
    error = run("show", "nope:1.0.0", "--json", code=3).json["error"]
    text = section("What all verbs share")
    assert all(f"`{key}`" in text for key in error)


def test_the_keys_of_a_version_are_documented(run: Run, fraud: str) -> None:
    """What the page calls the version's keys is what a version has."""
    answer = run("yank", f"{fraud}:1.0.0", "--reason", "bad", "--json").json
    assert set(answer) == VERSION
    text = section("What all verbs share")
    assert all(f"`{key}`" in text for key in VERSION)

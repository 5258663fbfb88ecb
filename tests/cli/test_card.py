"""`card` and `bom`: to stdout or to files, for people and for programs."""

import json
from pathlib import Path

from tests.cli.support import Run


def test_a_card_is_printed(run: Run, fraud: str) -> None:
    """Markdown without plots by default; a page, Google's JSON or a bill of materials when asked for."""
    done = run("card", f"{fraud}:1.1.0")
    assert "# Model card of acme/fraud:1.1.0" in done.stdout
    assert "](" not in done.stdout
    assert run("card", f"{fraud}:1.1.0", "--html").stdout.startswith("<!doctype html>")
    assert run("card", f"{fraud}:1.1.0", "--json").json["model_details"]["name"] == fraud
    assert json.loads(run("card", f"{fraud}:1.1.0", "--cyclonedx").stdout)["bomFormat"] == "CycloneDX"


def test_a_card_goes_to_a_file_with_its_plots_beside_it(run: Run, fraud: str, tmp_path: Path) -> None:
    """The path is the answer, and the Markdown refers to the plots."""
    done = run("card", f"{fraud}:1.1.0", "-o", tmp_path / "card.md")
    assert done.stdout == f"{tmp_path}/card.md\n"
    assert "](plots/f1-by-version.svg)" in (tmp_path / "card.md").read_text()
    assert (tmp_path / "plots" / "f1-by-version.svg").read_text().startswith("<svg")


def test_plots_can_be_in_the_card_itself(run: Run, fraud: str, tmp_path: Path) -> None:
    """Then there is one file."""
    run("card", f"{fraud}:1.1.0", "--plots", "embedded", "-o", tmp_path / "card.md")
    assert "](data:image/svg+xml;base64," in (tmp_path / "card.md").read_text()
    assert not (tmp_path / "plots").exists()


def test_what_excludes_each_other_is_refused(run: Run, fraud: str) -> None:
    """Two forms at once, and files of plots that have no place."""
    assert "exclude each other" in run("card", f"{fraud}:1.1.0", "--html", "--cyclonedx", code=2).stderr
    assert "needs -o FILE" in run("card", f"{fraud}:1.1.0", "--plots", "files", code=2).stderr


def test_plots_that_cannot_be_written_are_an_error(run: Run, fraud: str, tmp_path: Path) -> None:
    """One line, and the exit code of the environment."""
    (tmp_path / "plots").write_text("in the way")
    assert "can't be made" in run("card", f"{fraud}:1.1.0", "-o", tmp_path / "card.md", code=8).stderr


def test_a_bill_of_materials_is_written(run: Run, fraud: str, tmp_path: Path) -> None:
    """JSON with and without `--json`, to stdout and to a file."""
    plain = json.loads(run("bom", f"{fraud}:1.1.0").stdout)
    assert plain == run("bom", f"{fraud}:1.1.0", "--json").json
    run("bom", f"{fraud}:1.1.0", "--spec-version", "1.7", "-o", tmp_path / "bom.json")
    assert json.loads((tmp_path / "bom.json").read_text())["specVersion"] == "1.7"
    run("bom", f"{fraud}:9.9.9", code=3)

"""`changelog`, `notes` and `audit`: documents to stdout or to a file."""

from pathlib import Path

from tests.cli.support import Run


def test_a_changelog_is_printed(run: Run, fraud: str) -> None:
    """Markdown by default; a page or data when asked for."""
    assert run("changelog", fraud).stdout.startswith("# Changelog of acme/fraud\n\n## 1.1.0 - ")
    assert run("changelog", fraud, "--html").stdout.startswith("<!doctype html>")
    versions = run("changelog", fraud, "--json").json["versions"]
    assert [each["summary"] for each in versions] == ["Better recall.", "The first."]


def test_notes_are_printed(run: Run, fraud: str) -> None:
    """For the product audience unless another is named."""
    sides = (f"{fraud}:1.0.0", f"{fraud}:1.1.0")
    assert "release notes for product" in run("notes", *sides).stdout
    assert "claimed" not in run("notes", *sides, "--audience", "comms").stdout
    answer = run("notes", *sides, "--audience", "legal", "--json").json
    assert answer["audience"] == "legal"
    assert answer["text"].startswith("# acme/fraud 1.1.0")
    run("notes", *reversed(sides), code=2)
    run("notes", *sides, "--audience", "press", code=2)


def test_a_document_goes_to_a_file(run: Run, fraud: str, tmp_path: Path) -> None:
    """The path is the answer; with `--json` the data is, and the file is written all the same."""
    done = run("notes", f"{fraud}:1.0.0", f"{fraud}:1.1.0", "--html", "-o", tmp_path / "notes.html")
    assert done.stdout == f"{tmp_path}/notes.html\n"
    assert (tmp_path / "notes.html").read_text().startswith("<!doctype html>")
    assert run("changelog", fraud, "-o", tmp_path / "log.md", "--json").json["model"] == fraud
    assert (tmp_path / "log.md").read_text().startswith("# Changelog")


def test_a_file_that_cannot_be_written_is_an_error(run: Run, fraud: str, tmp_path: Path) -> None:
    """One line, and the exit code of the environment."""
    done = run("changelog", fraud, "-o", tmp_path / "nowhere" / "log.md", code=8)
    assert "can't be written" in done.stderr


def test_templates_of_a_team_are_taken(run: Run, fraud: str, tmp_path: Path) -> None:
    """`--templates` names their folder."""
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / "product.md").write_text("Hello {{ b.version }}")
    sides = (f"{fraud}:1.0.0", f"{fraud}:1.1.0")
    assert run("notes", *sides, "--templates", tmp_path / "ours").stdout == "Hello 1.1.0\n"


def test_an_audit_is_a_check_too(run: Run, fraud: str, registry_path: Path, tmp_path: Path) -> None:
    """Its exit code tells whether everything holds; the page is written in any case."""
    first = run("log", fraud, "--alias", "production", "--json").json["entries"][0]["at"]
    assert "> production: 1.1.0, since " in run("audit", fraud, "--alias", "production").stdout
    then = run("audit", fraud, "--alias", "production", "--at", first, "--json").json
    assert [(each["version"], each["by"], each["reason"]) for each in then["served"]] == [
        ("1.0.0", "lena@example.org", "first release")
    ]
    for blob in registry_path.glob("blobs/sha256/*/*"):
        blob.chmod(0o644)
        if blob.read_bytes() == b"second":
            blob.write_bytes(b"hacked")
    done = run("audit", fraud, "--html", "-o", tmp_path / "audit.html", code=1)
    assert done.stdout == f"{tmp_path}/audit.html\n"
    assert "DOES NOT HOLD" in (tmp_path / "audit.html").read_text()
    run("audit", fraud, "--alias", "champion", code=3)

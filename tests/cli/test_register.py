"""`register` and `finalize`."""

from pathlib import Path

import pytest

from tests.cli.support import Run


def test_stdout_is_the_reference_alone(run: Run, build: Path) -> None:
    """Scripts get the reference; people are told what was done on stderr."""
    said = ("--changelog", "The first.", "--no-capture")
    done = run("register", "acme/fraud", build, "--alias", "staging", *said)
    assert done.stdout == "acme/fraud:1.0.0\n"
    assert done.stderr.startswith("Registered acme/fraud:1.0.0: ")
    assert done.stderr.endswith("; it is staging now\n")


def test_a_missing_changelog_is_told(run: Run, build: Path) -> None:
    """Once, where a version was made; unchanged content makes none."""
    told = "acme/fraud:1.0.0 has no changelog: nobody will know what changed\n"
    assert told in run("register", "acme/fraud", build, "--no-capture").stderr
    assert told not in run("register", "acme/fraud", build, "--no-capture").stderr


def test_all_that_is_stated_is_recorded(run: Run, build: Path, tmp_path: Path) -> None:
    """Each option becomes the part of the record that it names."""
    (tmp_path / "train.csv").write_text("a,b\n")
    (tmp_path / "greet.md").write_text("Hello {name}")
    base = run("register", "base", build).stdout.strip()
    run(
        *("register", "acme/fraud", build, "--version", "2.0.0", "--changelog", "New."),
        *("--metric", "f1=0.91", "--metric", "recall at p=0.9=0.5"),
        *("--param", "lr=3e-4", "--param", "layers=[64, 16]", "--param", "name=a=b", "--param", "on=true"),
        *("--prompt", "greeting=greet.md", "--data", "train=train.csv"),
        *("--intended-use", "cards", "--intended-use", "wires", "--limitation", "not loans"),
        *("--license", "apache-2.0", "--no-external-facing", "--base", base, "--tag", "team=risk"),
        *("--alias", "staging", "--alias", "champion", "--run", "https://ci.example.org/7"),
    )
    shown = run("show", "acme/fraud:2.0.0", "--json").json
    metadata = shown["metadata"]
    assert shown["changelog"] == {"summary": "New."}
    assert {metric["name"]: metric["value"] for metric in metadata["metrics"]} == {
        "f1": 0.91,
        "recall at p=0.9": 0.5,
    }
    assert metadata["params"] == {"lr": 3e-4, "layers": [64, 16], "name": "a=b", "on": True}
    assert [file["path"] for file in shown["files"]] == [
        "model.bin",
        "prompts/greeting.md",
        "prompts/system.txt",
    ]
    assert [dataset["name"] for dataset in metadata["data"]] == ["train"]
    assert metadata["intended_use"] == ["cards", "wires"]
    assert metadata["limitations"] == ["not loans"]
    assert metadata["license"] == "apache-2.0"
    assert metadata["external_facing"] is False
    assert [model["name"] for model in metadata["base"]] == [base]
    assert metadata["tags"] == {"team": "risk"}
    assert shown["aliases"] == ["champion", "staging"]
    assert shown["provenance"]["run"] == {"url": "https://ci.example.org/7"}
    assert shown["provenance"]["environment"]["implementation"] == "CPython"


def test_what_is_not_stated_is_not_recorded(run: Run, build: Path) -> None:
    """Options that were not given leave nothing behind, and nothing is captured where that is not wanted."""
    run("register", "acme/fraud", build, "--no-capture")
    shown = run("show", "acme/fraud:1.0.0", "--json").json
    assert (shown["metadata"], shown["changelog"], shown["provenance"]) == ({}, {}, {})


def test_unchanged_content_names_the_last_version(run: Run, build: Path) -> None:
    """Registering again makes nothing; with `--if-unchanged error` the command fails with AlreadyExists."""
    first = run("register", "acme/fraud", build, "--json").json
    again = run("register", "acme/fraud", build, "--json")
    assert again.json == {**first, "created": False}
    assert again.stderr.startswith("Nothing has changed since acme/fraud:1.0.0")
    run("register", "acme/fraud", build, "--if-unchanged", "error", code=4)


def test_a_commit_id_makes_repeating_safe(run: Run, build: Path) -> None:
    """The same command with the same id gives the same version."""
    once = run("register", "acme/fraud", build, "--bump", "minor", "--commit-id", "run-1").stdout
    twice = run("register", "acme/fraud", build, "--bump", "minor", "--commit-id", "run-1").stdout
    assert once == twice


def test_litter_is_left_out_and_said(run: Run, build: Path) -> None:
    """What nobody wants in a version stays out of it, and stderr says so."""
    (build / "__pycache__").mkdir()
    (build / "__pycache__" / "a.pyc").write_bytes(b"x")
    done = run("register", "acme/fraud", build)
    assert done.stdout == "acme/fraud:1.0.0\n"
    assert "__pycache__" in done.stderr.splitlines()[0]


def test_several_sources_keep_their_names(run: Run, build: Path, tmp_path: Path) -> None:
    """A single folder's content goes to the top; of several sources each stays under its own name."""
    (tmp_path / "notes.md").write_text("notes")
    run("register", "acme/fraud", build, tmp_path / "notes.md")
    files = run("show", "acme/fraud:1.0.0", "--json").json["files"]
    assert [file["path"] for file in files] == ["build/model.bin", "build/prompts/system.txt", "notes.md"]


def test_prompts_need_no_other_source(run: Run, build: Path) -> None:
    """A version may be prompts alone; nothing at all is wrong input."""
    run("register", "bot", "--prompt", f"system={build / 'prompts' / 'system.txt'}")
    run("register", "nothing", code=2)


@pytest.mark.parametrize("place", ["file", "-"])
def test_a_changelog_from_a_file(run: Run, build: Path, tmp_path: Path, place: str) -> None:
    """A long changelog comes from a file or from stdin, whole."""
    text = "Line one.\n\n- Größe\n"
    (tmp_path / "file").write_text(text, encoding="utf-8")
    run("register", "acme/fraud", build, "--changelog-file", place, stdin=text.encode())
    assert run("show", "acme/fraud:1.0.0", "--json").json["changelog"]["summary"] == text


def test_files_can_be_moved(run: Run, build: Path) -> None:
    """With `--move` the source's files are gone afterwards."""
    run("register", "acme/fraud", build, "--move")
    assert not (build / "model.bin").exists()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--version", "1.0.0", "--bump", "major"], "exclude each other"),
        (["--changelog", "a", "--changelog-file", "-"], "exclude each other"),
        (["--metric", "f1"], "'f1' is not of the form name=value"),
        (["--metric", "=1"], "'=1' is not of the form name=value"),
        (["--metric", "f1=high"], "'f1' is not a number: 'high'"),
        (["--metric", "f1=1", "--metric", "f1=2"], "'f1' is given twice"),
        (["--metric", "f1=nan"], "not a finite number"),
        (["--tag", "team"], "'team' is not of the form name=value"),
        (["--bump", "huge"], "huge"),
        (["--version", "one"], "one"),
        (["--alias", "1.0.0"], "1.0.0"),
        (["--base", "nope:1.0.0"], "nope"),
    ],
)
def test_wrong_input_changes_nothing(
    run: Run, build: Path, fraud: str, arguments: list[str], complaint: str
) -> None:
    """Each mistake is named, and the model stays as it was."""
    before = run("log", fraud, "--json").json
    code = 3 if "--base" in arguments else 2
    assert complaint in run("register", fraud, build, *arguments, code=code, stdin=b"x").stderr
    assert run("log", fraud, "--json").json == before


@pytest.mark.parametrize(("data", "complaint"), [(b"\xff", "not UTF-8"), (b"x" * (2**20 + 1), "longer than")])
def test_a_changelog_file_that_cannot_be_one(run: Run, build: Path, data: bytes, complaint: str) -> None:
    """Neither bytes that are no text nor a file without end is taken for a changelog."""
    assert complaint in run("register", "a", build, "--changelog-file", "-", stdin=data, code=2).stderr


def test_a_missing_source(run: Run, tmp_path: Path) -> None:
    """A path that does not exist is NotFound, and names itself."""
    assert str(tmp_path / "nope") in run("register", "a", tmp_path / "nope", code=3).stderr


def test_an_experiment_becomes_a_release(run: Run, build: Path) -> None:
    """A pre-release is finalized under its release's number, once."""
    assert run("register", "acme/fraud", build, "--bump", "prerelease").stdout == "acme/fraud:1.0.0-exp.1\n"
    done = run("finalize", "acme/fraud:1.0.0-exp.1", "--commit-id", "final")
    assert done.stdout == "acme/fraud:1.0.0\n"
    assert done.stderr == "Finalized acme/fraud:1.0.0-exp.1 as acme/fraud:1.0.0\n"
    again = run("finalize", "acme/fraud:1.0.0-exp.1", "--commit-id", "final", "--json").json
    assert (again["ref"], again["created"]) == ("acme/fraud:1.0.0", False)
    run("finalize", "acme/fraud:1.0.0", code=2)

"""How commands end: exit codes, one line for an error, JSON errors, warnings."""

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import click
import pytest

from modelver import errors
from modelver.cli import exit_codes
from modelver.cli.failures import exit_code_of
from modelver.errors import ModelverError
from tests.cli.support import COMMAND, Run

CODES = {row.error: row.code for row in exit_codes.TABLE if row.error}


def all_errors(kind: type[ModelverError] = ModelverError) -> list[type[ModelverError]]:
    """Return the error classes below one."""
    return [each for child in kind.__subclasses__() for each in (child, *all_errors(child))]


def failing(error: BaseException) -> int:
    """Return the exit code of work that raises an error."""

    def work() -> None:
        raise error

    return exit_code_of(work, as_json=False)


@pytest.mark.parametrize("kind", [kind for kind in all_errors() if kind.__module__ == errors.__name__])
def test_each_error_has_the_code_of_its_family(
    kind: type[ModelverError], capsys: pytest.CaptureFixture[str]
) -> None:
    """An error class, or the nearest one above it, is in the table; the error is told in one line, without a traceback."""
    family = next(each for each in kind.__mro__ if each in CODES)
    assert failing(kind("it broke", where="here", hint="Mend it.")) == CODES[family]
    assert capsys.readouterr().err == "Error: it broke: here. Mend it.\n"


def test_codes_are_told_apart() -> None:
    """No two rows of the table share a code, and no error's code is that of a failed check."""
    codes = [row.code for row in exit_codes.TABLE]
    assert len(set(codes)) == len(codes)
    assert not {exit_codes.OK, exit_codes.CHECK_FAILED, exit_codes.BUG} & set(CODES.values())


def test_an_error_of_many_lines_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Line ends and control characters in a message are spelled out."""
    failing(errors.NotFound("no\nsuch\x1b[31m thing"))
    assert capsys.readouterr().err == "Error: no\\nsuch\\x1b[31m thing\n"


def test_a_fault_of_ours_keeps_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    """An unexpected exception is shown in full, under a code that no check and no error has."""
    assert failing(ZeroDivisionError("by zero")) == exit_codes.BUG
    shown = capsys.readouterr().err
    assert "Traceback" in shown
    assert "ZeroDivisionError: by zero" in shown


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), click.Abort()])
def test_ctrl_c_is_no_traceback(stop: BaseException, capsys: pytest.CaptureFixture[str]) -> None:
    """An interrupted command says so."""
    assert failing(stop) == exit_codes.INTERRUPTED
    assert capsys.readouterr().err == "Interrupted.\n"


def test_a_reader_that_left_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    """A closed pipe is no error message."""
    assert failing(BrokenPipeError()) == exit_codes.PIPE_CLOSED
    assert capsys.readouterr().err == ""


def test_warnings_are_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """A warning of the library is one line, each time; Python's own form of it is not shown."""

    def work() -> None:
        for _ in range(2):
            warnings.warn("it was\nyanked", stacklevel=1)

    assert exit_code_of(work, as_json=False) == 0
    assert capsys.readouterr().err == "Warning: it was\\nyanked\n" * 2


def test_an_error_as_json(run: Run, fraud: str) -> None:
    """With `--json` stdout has the error's parts, and stderr the line for people too."""
    done = run("show", f"{fraud}:9.9.9", "--json", code=3)
    error = done.json["error"]
    assert list(error) == ["type", "message", "what", "where", "expected", "found", "hint", "exit_code"]
    assert (error["type"], error["exit_code"]) == ("NotFound", 3)
    assert done.stderr == f"Error: {error['message']}\n"


def test_wrong_usage_as_json(run: Run) -> None:
    """A mistyped command answers in JSON too, if that was asked for."""
    error = run("show", "--json", code=2).json["error"]
    assert (error["type"], error["exit_code"]) == ("UsageError", 2)
    assert "Missing argument" in error["message"]


def test_without_json_an_error_leaves_stdout_alone(run: Run) -> None:
    """An error is no answer."""
    assert run("list", code=3).stdout == ""


def test_a_rule_that_says_no(run: Run, fraud: str) -> None:
    """An alias can't be set to a yanked version: Refused."""
    run("yank", f"{fraud}:1.0.0", "--reason", "wrong data")
    run("alias", fraud, "old", "1.0.0", code=6)


def test_someone_was_faster(run: Run, fraud: str) -> None:
    """A precondition that no longer holds: Conflict."""
    assert (
        "expected 1.0.0, found 1.1.0"
        in run("alias", fraud, "production", "1.1.0", "--expected", "1.0.0", code=5).stderr
    )


def test_a_taken_version(run: Run, fraud: str, build: Path) -> None:
    """Other content under a number that exists: AlreadyExists."""
    run("register", fraud, build, "--version", "1.0.0", code=4)


def test_damage(run: Run, fraud: str, registry_path: Path) -> None:
    """A manifest that does not match its digest: Corrupt; `verify` finds it and fails as a check."""
    digest = run("show", fraud + ":1.1.0", "--json").json["digest"].removeprefix("sha256:")
    blob = registry_path / "blobs" / "sha256" / digest[:2] / digest
    blob.chmod(0o644)
    blob.write_bytes(blob.read_bytes().replace(b"Better", b"Bitter"))
    run("show", f"{fraud}:1.1.0", code=7)
    report = run("verify", "--json", code=1).json
    assert report["ok"] is False
    assert any(digest in finding["object"] for finding in report["findings"])
    assert "finding" in run("verify", code=1).stdout


def test_the_environment(run: Run, tmp_path: Path, build: Path) -> None:
    """A registry that can't be made: StoreError."""
    (tmp_path / "file").write_text("not a folder")
    run("register", "a", build, "--registry", tmp_path / "file", code=8)


@pytest.mark.parametrize("as_json", [False, True])
def test_an_answer_that_cannot_be_written(run: Run, fraud: str, as_json: bool) -> None:
    """A full disk behind stdout is an error of the environment, told on stderr."""
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*COMMAND, "log", fraud, *(["--json"] if as_json else [])],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 8
    assert done.stderr == "Error: the answer can't be written: stdout (found No space left on device)\n"


def test_an_error_whose_json_cannot_be_written(run: Run, fraud: str) -> None:
    """The error's own code stays when stdout is full."""
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*COMMAND, "show", f"{fraud}:9.9.9", "--json"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr.count("\n")) == (3, 1)


def test_a_reader_of_a_pipe_that_left(run: Run, fraud: str) -> None:
    """`modelver log | true` ends quietly, as other commands do under `pipefail`."""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([*COMMAND, "log", fraud], stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


def test_closed_streams(run: Run, fraud: str) -> None:
    """Without stdout and stderr the exit code still tells."""
    script = f'"{sys.executable}" -m modelver show "$0" >&- 2>&-'
    for ref, code in ((f"{fraud}:1.0.0", 0), (f"{fraud}:9.9.9", 3)):
        assert subprocess.run(["bash", "-c", script, ref], check=False).returncode == code


def test_json_errors_are_whole_documents(run: Run, fraud: str) -> None:
    """A process's stdout parses, and its stderr is one line."""
    done = subprocess.run(
        [*COMMAND, "status", f"{fraud}@nope", "--json"], capture_output=True, text=True, check=False
    )
    assert json.loads(done.stdout)["error"]["exit_code"] == done.returncode == 3
    assert done.stderr.count("\n") == 1

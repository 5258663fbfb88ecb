"""What depends on a terminal: colours, widths, bars."""

import sys
from pathlib import Path

import pytest

from modelver.cli.progress import Bar
from modelver.cli.render import Screen
from tests.cli.support import COMMAND, Run, on_terminal

SLOW_WORK = """
import time
from modelver.cli.progress import Bar
with Bar("hashing") as bar:
    bar.set_size({size})
    for _ in range(12):
        time.sleep(0.05)
        bar.relative_update(1_000_000)
print("done")
"""


def test_colours_are_for_a_terminal(run: Run, fraud: str) -> None:
    """A terminal gets styles; a pipe gets none, whatever FORCE_COLOR says."""
    assert "\x1b[" in on_terminal([*COMMAND, "log", fraud]).text
    assert "\x1b[" not in run("log", fraud).stdout


def test_no_color_is_honoured(run: Run, fraud: str) -> None:
    """With NO_COLOR a terminal gets no colour; weight alone remains."""
    arguments = [*COMMAND, "compare", f"{fraud}:1.0.0", f"{fraud}:1.1.0"]
    assert "\x1b[32m" in on_terminal(arguments).text
    assert "\x1b[3" not in on_terminal(arguments, NO_COLOR="1").text


@pytest.mark.parametrize("columns", [40, 60, 80, 120])
def test_tables_fit_the_terminal(run: Run, fraud: str, columns: int) -> None:
    """No line is longer than the terminal is wide, and nothing is cut off."""
    run("alias", fraud, "production", "1.0.0", "--reason", "a" * 100)
    shown = on_terminal([*COMMAND, "log", fraud], COLUMNS=str(columns)).plain
    assert all(len(line) <= columns for line in shown.splitlines())
    assert shown.count("a") >= 100


def test_a_row_is_a_line_in_a_pipe(run: Run, fraud: str) -> None:
    """Without a terminal, long cells don't wrap, so that grep and awk see whole rows."""
    run("alias", fraud, "production", "1.0.0", "--reason", "a" * 500)
    lines = run("log", fraud).stdout.splitlines()
    assert lines[-1].endswith("a" * 500)
    assert all(line == line.rstrip() for line in lines)


def test_nothing_is_shown_of_a_screen_that_failed(capsys: pytest.CaptureFixture[str]) -> None:
    """An error in the middle leaves no half answer."""

    def fail() -> None:
        with Screen() as screen:
            screen.line("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("size", [12_000_000, 0])
def test_long_work_shows_a_bar(size: int) -> None:
    """Work that takes a while draws a bar on a terminal, whether or not its size is known."""
    seen = on_terminal([sys.executable, "-c", SLOW_WORK.format(size=size)])
    assert "hashing" in seen.plain
    assert "MB" in seen.plain
    assert seen.code == 0


def test_quick_work_shows_none() -> None:
    """What is done at once draws nothing."""
    code = (
        "from modelver.cli import progress\n"
        "progress._PATIENCE = 60\n"  # a busy machine may stop the process for longer than usual
        "with progress.Bar('x') as bar:\n bar.set_size(9)\n bar.relative_update(9)"
    )
    assert on_terminal([sys.executable, "-c", code]).text == ""


def test_no_bar_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """In CI's logs there is no bar."""
    exec(SLOW_WORK.format(size=1), {})  # noqa: S102 (the text above)
    assert capsys.readouterr().err == ""
    with Bar("more") as bar:
        bar.set_size(None)


def test_verbs_show_bars(registry_path: Path, tmp_path: Path) -> None:
    """A verb that hashes a large file draws its bar on stderr and its answer on stdout."""
    with (tmp_path / "large").open("wb") as file:
        file.truncate(2**28)
    code = (
        "import sys\nfrom modelver.__main__ import main\nfrom modelver.cli import progress\n"
        "progress._PATIENCE = 0\n"  # a fast machine would be done before a bar appears
        "sys.argv = ['modelver', 'hash', 'large']\nmain()"
    )
    seen = on_terminal([sys.executable, "-c", code])
    assert "hashing" in seen.plain
    assert seen.plain.rstrip().endswith("  large")

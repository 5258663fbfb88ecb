"""Text that others wrote is shown and never obeyed: by the terminal, by rich's markup, or by a reader of lines."""

import json
import re
import shutil
import unicodedata
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from modelver.cli.main import modelver
from modelver.values.shown import one_line
from tests.cli.support import COMMAND, Run, on_terminal

pytestmark = pytest.mark.usefixtures("unmeasured")

EVIL = "[bold]b[/bold] [red]\x1b[31mred\x1b]0;title\x07\x9b2J\x08\x7f\r\u202egpj.exe\u2028end"
LITERAL = "[bold]b[/bold] [red]"
COLOURS = re.compile(r"\x1b\[(0|1|2|31|32|33|1;31|1;33)m")
"""The only sequences that the command itself sends."""


@pytest.fixture(scope="module")
def evil_registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry with a model whose publishers and operators wrote hostile text wherever they could."""
    place = tmp_path_factory.mktemp("evil")
    folder = place / "evil"
    folder.mkdir()

    def run(*arguments: str | Path) -> None:
        done = CliRunner().invoke(modelver, [str(argument) for argument in arguments])
        assert done.exit_code == 0, done.stderr

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setenv("MODELVER_CACHE", str(place / "cache"))
        patch.setenv("MODELVER_REGISTRY", str(place / "registry"))
        patch.setenv("MODELVER_ACTOR", "lena@example.org")
        for number, content in enumerate(("a", "b")):
            (folder / "model.bin").write_text(content)
            (folder / "[red]x[.bin").write_text(content)
            run(
                *(
                    "register",
                    "evil",
                    folder,
                    "--changelog",
                    f"{EVIL}\n{EVIL}{number}",
                    "--intended-use",
                    EVIL,
                ),
                *(
                    "--metric",
                    f"{EVIL}=0.{number}",
                    "--param",
                    f"{EVIL}={EVIL}",
                    "--tag",
                    f"{EVIL}={EVIL}{number}",
                ),
                *("--run", EVIL, "--license", EVIL),
            )
        run("alias", "evil", "production", "1.0.0", "--reason", EVIL)
        run("yank", "evil:1.0.0", "--reason", EVIL)
    return place / "registry"


@pytest.fixture
def evil(evil_registry: Path, registry_path: Path) -> str:
    """That model, in a registry of the test's own."""
    shutil.copytree(evil_registry, registry_path)
    return "evil"


ANSWERS = [
    ["show", "evil@production"],
    ["status", "evil"],
    ["status", "evil@production"],
    ["log", "evil"],
    ["alias", "evil"],
    ["list", "evil"],
    ["search", "--order-by", "metadata.license"],
    ["compare", "evil:1.0.0", "evil:1.1.0"],
    ["changelog", "evil"],
    ["notes", "evil:1.0.0", "evil:1.1.0", "--audience", "engineering"],
    ["audit", "evil"],
    ["rollback", "evil", EVIL],
    ["load", "evil:1.0.0"],
]


@pytest.mark.parametrize("arguments", ANSWERS[:-1], ids=lambda arguments: arguments[0])
def test_no_terminal_obeys_it(run: Run, evil: str, arguments: list[str]) -> None:
    """A terminal gets our colours and no other control character; `load`, which may draw a bar, is left out."""
    seen = on_terminal([*COMMAND, *arguments])
    rest = COLOURS.sub("", seen.text).replace("\r\n", "\n")
    assert [
        sign for sign in rest if sign != "\n" and unicodedata.category(sign)[0] in "CZ" and sign != " "
    ] == []


@pytest.mark.parametrize("arguments", ANSWERS, ids=lambda arguments: arguments[0])
def test_no_pipe_carries_it(run: Run, evil: str, arguments: list[str]) -> None:
    """Where there is no terminal there is no control character at all: the next program may have one."""
    code = 2 if EVIL in arguments else 0
    done = run(*arguments, code=code)
    text = done.stdout + done.stderr
    assert [sign for sign in text if sign != "\n" and unicodedata.category(sign)[0] == "C"] == []


def test_markup_is_shown_as_it_was_written(run: Run, evil: str) -> None:
    """Square brackets are text."""
    for answer in (["show", "evil@production"], ["log", "evil"], ["status", "evil@production"]):
        assert LITERAL in run(*answer).stdout
    assert "[red]x[.bin" in run("show", "evil@production").stdout


@pytest.mark.parametrize("arguments", [*ANSWERS[:-2], ANSWERS[-1]], ids=lambda arguments: arguments[0])
def test_json_has_it_whole_and_harmless(run: Run, evil: str, arguments: list[str]) -> None:
    """JSON gives the text back as it was, and is printable ASCII on the way."""
    text = run(*arguments, "--json").stdout
    assert all(sign == "\n" or " " <= sign <= "~" for sign in text)
    assert json.loads(text)


def test_the_text_comes_back_whole(run: Run, evil: str) -> None:
    """What was written is what a program reads."""
    assert run("status", "evil:1.0.0", "--json").json["yanked"]["reason"] == EVIL


def test_names_of_files_are_harmless_on_a_terminal(registry_path: Path, tmp_path: Path) -> None:
    """`hash` writes names as they are for programs only."""
    (tmp_path / "a\x1b[2Jb").write_text("x")
    assert "a\\x1b[2Jb" in on_terminal([*COMMAND, "hash", str(tmp_path / "a\x1b[2Jb")]).text


@given(st.text())
def test_safe_text_is_one_harmless_line(text: str) -> None:
    """Whatever the text, its safe form has no control, format or line-breaking character."""
    assert all(sign.isprintable() or unicodedata.category(sign) == "Zs" for sign in one_line(text))


@given(st.text(st.characters(categories=["L", "N", "P", "S", "Zs"])))
def test_safe_text_leaves_other_text_alone(text: str) -> None:
    """Letters, digits, signs and spaces of all languages stay as they are."""
    assert one_line(text) == text

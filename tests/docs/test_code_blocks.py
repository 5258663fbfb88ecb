"""Every code block of the documentation works.

- `python` blocks run, those of a page in one namespace, in an empty folder that all blocks of the page share. One whose
  first line names a file (`# app.py`) becomes that file instead, for other blocks to run.
- `console` blocks run too: each line after a `$ ` in bash, and its output is compared loosely.
- `bash` blocks tell a person what to type on their own machine: they do not run, but each command is checked to exist.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from sybil import Document, Example
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser

from tests.servers.s3 import KEY, SECRET
from tests.servers.seaweedfs import SeaweedFS

pytestmark = pytest.mark.usefixtures("unmeasured")

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
FOREIGN = ("cd ", "git clone ", "pip install ", "python3 -m pip install ")
"""How a command in a `bash` block may start that is neither ours nor checked."""
FILE = re.compile(r"# ([\w.]+\.py)\n")
"""How a `python` block begins that is a file."""


def shell(command: str) -> subprocess.CompletedProcess[str]:
    """Run a command as a person in the virtual environment would, without colours."""
    environment = {
        **os.environ,
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "NO_COLOR": "1",
        "COLUMNS": "110",
    }
    return subprocess.run(
        ["bash", "-c", command],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def transcript(block: str) -> Iterator[tuple[str, str]]:
    """Yield each command of a `console` block (`$ `, continued by `> `) with the output shown below it."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, *rest = part.splitlines()
        while rest and rest[0].startswith("> "):
            command += "\n" + rest.pop(0)[2:]
        yield command, "\n".join(rest)


def shows(printed: str, expected: str) -> bool:
    """Whether the output has the expected text, any white space being alike and `...` standing for anything."""
    pieces = [r"\s+".join(map(re.escape, piece.split())) for piece in re.split(r"\.\.\.|…", expected)]
    return re.search(r".*?".join(pieces), printed, re.DOTALL) is not None


def run_python(example: Example) -> None:
    """Run a `python` block, or write the file that it shows."""
    named = FILE.match(example.parsed)
    if named is None:
        PythonEvaluator()(example)
        return
    name, stem = named[1], named[1].partition(".")[0]
    rest = example.document.text[example.end :]
    assert name in rest or f"{stem}:" in rest, f"nothing on this page runs {name}"
    Path(name).write_text(example.parsed, encoding="utf-8")


def run_console(example: Example) -> str:
    """Run a `console` block; return what is wrong, or nothing."""
    for command, expected in transcript(example.parsed):
        done = shell(command)
        if done.returncode:
            return f"$ {command}\nended with exit code {done.returncode}:\n{done.stdout}"
        if not shows(done.stdout, expected):
            return f"$ {command}\nprinted:\n{done.stdout}\nbut the page says:\n{expected}"
    return ""


def check_bash(example: Example) -> str:
    """Check that the commands of a `bash` block exist; return what is wrong, or nothing."""
    for line in example.parsed.replace("\\\n", " ").splitlines():
        command = line.partition(" #")[0].strip()
        if command and not command.startswith("#") and not exists(command):
            return f"not a command of this project: {command}"
    return ""


def exists(command: str) -> bool:
    """Whether a command is another tool's, a goal of the Makefile, or a modelver verb that has these options."""
    program, _, rest = command.partition(" ")
    if program == "make":
        goals = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
        return all(word in goals or "=" in word for word in rest.split())
    if program == "modelver":
        help_page = help_of(rest.partition(" ")[0])
        options = re.findall(r"(?<=\s)--[a-z-]+", command)
        return bool(help_page) and all(option in help_page for option in options)
    places = (ROOT / program, BIN.parent.parent / program, BIN / program)
    return command.startswith(FOREIGN) or any(place.exists() for place in places)


@cache
def help_of(verb: str) -> str:
    """Return a verb's help page; nothing where there is no such verb."""
    done = shell(f"modelver {verb} --help")
    return "" if done.returncode else done.stdout


def refuse(example: Example) -> str:
    """Say that a block is marked so that nothing would check it."""
    return f"mark this block as python, console or bash, so that it is checked:\n{example.parsed}"


class PythonParser(PythonCodeBlockParser):
    """Finds `python` blocks and doctests in them, and knows blocks that are files."""

    def __init__(self) -> None:
        super().__init__()
        self.codeblock_parser = CodeBlockParser("python", run_python)


PARSERS = (
    PythonParser(),
    CodeBlockParser("console", run_console),
    CodeBlockParser("bash", check_bash),
    *(CodeBlockParser(language, refuse) for language in ("py", "pycon", "sh", "shell")),
)


def evaluate(page: Path) -> None:
    """Evaluate a page's code blocks in order; an error names the page and the line."""
    for example in Document.parse(str(page), *PARSERS):
        example.evaluate()


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder, away from the person's own home."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(tmp_path))
    return folder


BUCKET = re.compile(r'Registry\("s3://([a-z-]+)')
"""The bucket of a page that needs one; each such page has one of its own."""


@pytest.mark.timeout(1200)  # the page of the command starts it a hundred times
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_code_block_works(
    page: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a page tells a reader to run does run; S3 is a real store here, found as AWS's own tools find theirs."""
    if bucket := BUCKET.search(page.read_text(encoding="utf-8")):
        server: SeaweedFS = request.getfixturevalue("seaweedfs")
        with server.client() as client:
            client.create_bucket(Bucket=bucket[1])
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    evaluate(page)


@pytest.mark.parametrize(
    ("expected", "same"),
    [
        ("", True),
        ("fraud  1.3.0", True),
        ("fraud ... production", True),
        ("fraud … production", True),
        ("production", True),
        ("fraud production", False),
        ("fraud 1x3x0", False),
    ],
)
def test_output_is_compared_loosely(expected: str, same: bool) -> None:
    """White space is alike, dots stand for anything, and the rest is literal."""
    assert shows("fraud 1.3.0\n  2026-11-23  production\n", expected) is same


@pytest.mark.parametrize(
    ("block", "complaint"),
    [
        ("```python\nraise ValueError('no such thing')\n```", "no such thing"),
        ("```console\n$ false\n```", "ended with exit code 1"),
        ("```console\n$ echo one\ntwo\n```", "printed:\none"),
        ("```sh\nls\n```", "mark this block as python, console or bash"),
        ("```bash\nmake coffee\n```", "not a command of this project: make coffee"),
        ("```bash\nrm -r important\n```", "not a command of this project: rm -r important"),
        ("```python\n# app.py\nx = 1\n```", "nothing on this page runs app.py"),
        ("```python\n# app.py\n1 / 0\n```\n```console\n$ python app.py\n```", "ZeroDivisionError"),
    ],
)
def test_a_block_that_does_not_work_is_found(block: str, complaint: str, tmp_path: Path) -> None:
    """Each kind of block fails its page, and the failure says why."""
    page = tmp_path / "page.md"
    page.write_text(block, encoding="utf-8")
    with pytest.raises(Exception, match=complaint):
        evaluate(page)


def test_blocks_of_a_page_share_names_and_a_folder(tmp_path: Path, empty_folder: Path) -> None:
    """A later block sees what an earlier one made, whichever language each is in."""
    page = tmp_path / "page.md"
    page.write_text(
        "```console\n$ printf '%s' \\\n> one > file\n```\n"
        "```python\nfrom pathlib import Path\ntext = Path('file').read_text()\n```\n"
        "```python\n>>> text\n'one'\n```\n"
        "```bash\n# for a person\nmake test # all\n```\n",
        encoding="utf-8",
    )
    evaluate(page)
    assert [path.name for path in empty_folder.iterdir()] == ["file"]

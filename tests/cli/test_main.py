"""The command as a whole: its verbs, its start, where the registry comes from."""

import json
import subprocess
import sys
from importlib import import_module
from keyword import iskeyword
from pathlib import Path

import pytest

import modelver
from modelver.cli import commands
from modelver.cli.main import VERBS
from tests.cli.support import COMMAND, Run
from tests.measuring import unmeasured_environment

pytestmark = pytest.mark.usefixtures("unmeasured")


def test_version_is_the_packages(run: Run) -> None:
    """`--version` prints the program and the package's version, alone."""
    assert run("--version").stdout == f"modelver {modelver.__version__}\n"


def test_help_lists_all_verbs_and_exit_codes(run: Run) -> None:
    """`--help` has a line for each verb, and the exit codes."""
    shown = run("--help").stdout
    assert all(verb in shown and help_line in shown for verb, help_line in VERBS.items())
    assert "Exit codes:" in shown


def test_no_verb_is_forgotten() -> None:
    """Each module of `modelver.cli.commands` is a verb that the help lists."""
    modules = {path.stem for path in Path(commands.__file__).parent.glob("*.py")} - {"__init__"}
    assert modules == set(map(module_name, VERBS))


def module_name(verb: str) -> str:
    """Return the name of a verb's module: a keyword of Python, as `import` is, has an underscore after it."""
    return f"{verb}_" if iskeyword(verb) else verb


@pytest.mark.parametrize("verb", VERBS)
def test_the_list_of_verbs_says_what_each_verb_says(verb: str) -> None:
    """The group's help needs no verb's module, but has the first line of its help."""
    command = import_module(f"modelver.cli.commands.{module_name(verb)}").command
    assert command.name == verb
    assert " ".join(command.help.split("\n\n")[0].split()) == VERBS[verb] or command.help.startswith(
        VERBS[verb].removesuffix(".")
    )


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_has_the_shared_options(run: Run, verb: str) -> None:
    """`--registry`, `--json` and `-h` are there whatever the verb."""
    shown = run(verb, "-h").stdout
    assert "--registry URL" in shown
    assert "--json" in shown


def test_a_mistyped_verb_is_suggested(run: Run) -> None:
    """An unknown verb is wrong usage, and a similar one is named."""
    assert "Did you mean 'rollback'?" in run("rolback", code=2).stderr
    assert "No such command 'coffee'" in run("coffee", code=2).stderr


def test_without_a_verb_the_help_is_shown(run: Run) -> None:
    """Nothing to do is wrong usage."""
    assert "Commands:" in run(code=2).stderr


def test_the_registry_is_named_before_or_after_the_verb(run: Run, build: Path, tmp_path: Path) -> None:
    """Both places mean the same; the one after the verb wins, and both win over the environment."""
    other, third = tmp_path / "other", tmp_path / "third"
    run("register", "a", build, "--registry", other)
    assert run("--registry", other, "list", "--json").json["models"][0]["model"] == "a"
    assert run("--registry", third, "list", "--json", "--registry", other).json["registry"] == str(other)
    run("list", code=3)


@pytest.mark.parametrize("argument", ["--version", "--help"])
def test_the_start_loads_nothing_heavy(argument: str) -> None:
    """Version and help come without the library, rich or any verb."""
    code = (
        "import sys\nfrom modelver.__main__ import main\nsys.argv = ['modelver', sys.argv[1]]\n"
        "try:\n    main()\nexcept SystemExit:\n    print(); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, argument], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    heavy = {"rich", "attr", "cattrs", "fsspec", "logging", "modelver.registry", "modelver.values"}
    assert loaded & heavy == set()
    assert not any(module.startswith("modelver.cli.commands") for module in loaded)


EACH_BY_ITSELF = """
import os, sys
from importlib import import_module
import modelver.cli.options
for name in sys.argv[1:]:
    child = os.fork()
    if child == 0:
        import_module(f"modelver.cli.commands.{name}")
        print(name, *sys.modules, flush=True)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
"""
"""Imports each module in a process of its own, which before that has imported only what all share."""


@pytest.fixture(scope="module")
def loaded_by() -> dict[str, set[str]]:
    """Give the modules that each verb's module loads."""
    names = [module_name(verb) for verb in VERBS]
    unmeasured = unmeasured_environment()
    done = subprocess.run(
        [sys.executable, "-c", EACH_BY_ITSELF, *names],
        env=unmeasured,
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line.split() for line in done.stdout.splitlines()]
    return {name: set(modules) for name, *modules in lines}


@pytest.mark.parametrize("verb", VERBS)
def test_a_verbs_help_loads_nothing_heavy(verb: str, loaded_by: dict[str, set[str]]) -> None:
    """A verb's help comes without the library and rich, which take most of the time."""
    name = module_name(verb)
    assert f"modelver.cli.commands.{name}" in loaded_by[name]
    assert loaded_by[name] & {"rich", "cattrs", "fsspec", "modelver.registry"} == set()


@pytest.mark.parametrize("package", ["click", "rich"])
def test_a_missing_package_is_named(package: str) -> None:
    """Without the extra, one line says what to install."""
    code = f"import sys; sys.modules[{package!r}] = None\nfrom modelver.__main__ import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 8
    assert done.stderr.count("\n") == 1
    assert package in done.stderr
    assert 'python -m pip install "modelver[cli]"' in done.stderr


def test_the_module_is_the_command() -> None:
    """`python -m modelver` answers as `modelver` does."""
    done = subprocess.run([*COMMAND, "hash", __file__, "--json"], capture_output=True, text=True, check=True)
    assert list(json.loads(done.stdout)) == ["files"]

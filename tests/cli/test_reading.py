"""`list`, `show`, `compare`, `load`, `verify` and `hash`."""

import hashlib
import subprocess
from pathlib import Path

import pytest

import modelver as mv
from tests.cli.support import COMMAND, Run


def test_listing_models(run: Run, fraud: str, build: Path, registry_path: Path) -> None:
    """Each model is a row with its versions counted, the highest, and its aliases."""
    mv.Registry(registry_path).create_model("empty")
    shown = run("list").stdout.splitlines()
    assert shown[1].split() == ["acme/fraud", "2", "1.1.0", "production", "1.1.0,", "staging", "1.0.0"]
    assert shown[2].split() == ["empty", "0"]
    answer = run("list", "--json").json
    assert answer["models"][0]["aliases"] == {"production": "1.1.0", "staging": "1.0.0"}
    assert answer["models"][1]["highest"] is None
    assert run("list", "empty").stdout == "empty has no versions.\n"
    assert run("status", "empty").stdout.splitlines()[0] == "empty  0 versions"


def test_listing_nothing(run: Run, registry_path: Path) -> None:
    """A registry without models says so."""
    mv.Registry(registry_path, create=True)
    assert run("list").stdout == f"There are no models in {registry_path}.\n"


def test_listing_versions(run: Run, fraud: str) -> None:
    """The lowest version comes first; aliases stand beside theirs."""
    answer = run("list", fraud, "--json").json["versions"]
    assert [(row["version"], row["aliases"], row["yanked"]) for row in answer] == [
        ("1.0.0", ["staging"], False),
        ("1.1.0", ["production"], False),
    ]
    assert [line.split()[0] for line in run("list", fraud).stdout.splitlines()] == [
        "version",
        "1.0.0",
        "1.1.0",
    ]


def test_showing_a_version(run: Run, build: Path) -> None:
    """What the publisher stated and what was captured is shown, and nothing empty."""
    stated = ("--intended-use", "cards", "--param", "lr=3e-4", "--tag", "team=risk", "--external-facing")
    given = (
        "--data",
        f"train={build / 'model.bin'}",
        "--run",
        "https://ci.example.org/7",
        "--license",
        "mit",
    )
    run("register", "base", build)
    run("register", "acme/fraud", build, *stated, *given, "--base", "base:1.0.0", "--metric", "f1=0.5")
    shown = run("show", "acme/fraud:1.0.0").stdout
    for line in (
        "intended use     cards",
        "license          mit",
        "external facing  yes",
        "param lr         0.0003",
        "tag team         risk",
        "data train       model.bin",
        "base             base:1.0.0",
        "environment      CPython ",
        "run              https://ci.example.org/7",
    ):
        assert f"\n  {line}" in shown
    assert "limitations" not in shown
    assert "2 files, 22 B" in shown


def test_what_only_the_library_states_is_shown(run: Run, registry_path: Path, build: Path) -> None:
    """Metadata of one's own and the git checkout are shown too."""
    mv.Registry(registry_path).register(
        "acme/fraud",
        build,
        metadata={"custom": {"cost centre": 7}, "owners": ["risk"], "description": "Scores payments."},
        code=mv.Code(repository="https://example.org/r.git", commit="ab" * 20, branch="main", dirty=True),
    )
    shown = run("show", "acme/fraud:1.0.0").stdout
    assert "code         abababababab  main  https://example.org/r.git  with uncommitted changes" in shown
    assert "cost centre  7" in shown
    assert "owners       risk" in shown


def test_showing_the_past(run: Run, fraud: str) -> None:
    """`--at` answers what a reference named then."""
    first = run("log", fraud, "--alias", "production", "--json").json["entries"][0]["at"]
    assert run("show", f"{fraud}@production", "--at", first, "--json").json["version"] == "1.0.0"
    run("show", f"{fraud}@production", "--at", "2001-01-01", code=3)
    run("show", f"{fraud}@production", "--at", "last Tuesday", code=2)


def test_comparing(run: Run, fraud: str) -> None:
    """Sections of what differs are shown; JSON is the comparison's own."""
    done = run("compare", f"{fraud}:1.0.0", f"{fraud}:1.1.0")
    assert done.stdout.startswith("acme/fraud:1.0.0 -> acme/fraud:1.1.0\n")
    assert "f1      0.91  0.93  +0.02  better" in done.stdout
    answer = run("compare", f"{fraud}:1.0.0", f"{fraud}:1.1.0", "--json").json
    assert [row["path"] for row in answer["files"]["changed"]] == ["model.bin"]


def test_a_comparison_as_a_check(run: Run, fraud: str) -> None:
    """With `--exit-code` a difference is a failed check; without it, an answer."""
    run("compare", f"{fraud}:1.0.0", f"{fraud}:1.1.0", "--exit-code", code=1)
    same = run("compare", f"{fraud}:1.0.0", f"{fraud}@staging", "--exit-code")
    assert "one version, compared with itself" in same.stdout


def test_long_tables_are_cut_unless_all_is_wanted(run: Run, tmp_path: Path) -> None:
    """Twelve rows are shown, and how to see the others."""
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(20):
        (folder / f"{number}.bin").write_text("a")
    run("register", "many", folder)
    for number in range(20):
        (folder / f"{number}.bin").write_text("b")
    run("register", "many", folder)
    assert "... and 8 more; --all shows them" in run("compare", "many:1.0.0", "many:1.1.0").stdout
    every = run("compare", "many:1.0.0", "many:1.1.0", "--all").stdout
    assert "more; --all" not in every
    assert "  19.bin" in every


def test_loading_prints_the_folder_alone(run: Run, fraud: str) -> None:
    """The answer is a path that `$(...)` can use, and nothing else."""
    done = run("load", f"{fraud}@production")
    assert (Path(done.stdout.removesuffix("\n")) / "model.bin").read_bytes() == b"second"
    assert done.stderr == ""


def test_loading_some_files_to_a_folder(run: Run, fraud: str, tmp_path: Path) -> None:
    """Patterns choose files, and `--to` makes a copy that may be written to."""
    answer = run(
        "load", f"{fraud}:1.0.0", "--to", "mine", "--include", "*.bin", "--verify", "full", "--json"
    ).json
    assert (answer["path"], answer["files"]) == (str(tmp_path / "mine"), ["model.bin"])
    assert (tmp_path / "mine" / "model.bin").read_bytes() == b"first"
    run("load", f"{fraud}:1.0.0", "--to", "mine", code=4)
    run("load", f"{fraud}:1.0.0", "--include", "*.onnx", code=2)
    run("load", f"{fraud}:1.0.0", "--verify", "never", code=2)


@pytest.mark.parametrize("subject", [[], ["acme/fraud:1.0.0"]])
def test_verifying(run: Run, fraud: str, subject: list[str]) -> None:
    """A whole registry, or a version in it, is well; JSON counts what was checked."""
    assert run("verify", *subject).stdout.endswith("\nAll is well.\n")
    answer = run("verify", *subject, "--json").json
    assert answer["ok"] is True
    assert answer["findings"] == []
    assert answer["checked"]["blobs"] > 0


def test_digests_are_those_of_sha256sum(run: Run, tmp_path: Path) -> None:
    """`sha256sum --check` reads the output, odd names too."""
    folder = tmp_path / "odd"
    folder.mkdir()
    for name in ("plain", "with space", "back\\slash", "line\nend", "return\r", "Größe"):
        (folder / name).write_bytes(name.encode())
    names = [
        str(folder / name)
        for name in ("plain", "with space", "back\\slash", "line\nend", "return\r", "Größe")
    ]
    output = run("hash", *names).stdout
    checked = subprocess.run(
        ["sha256sum", "--check", "--strict"], input=output.encode(), capture_output=True, check=True
    )
    assert checked.stdout.count(b": OK") == len(names)


def test_names_that_are_no_text_can_be_hashed(registry_path: Path, tmp_path: Path) -> None:
    """A file name that is not UTF-8 comes out as the bytes that it is."""
    name = bytes(tmp_path) + b"/\xff"
    Path(name.decode(errors="surrogateescape")).write_bytes(b"x")
    output = subprocess.run([*COMMAND, "hash", name], capture_output=True, check=True).stdout
    assert output == hashlib.sha256(b"x").hexdigest().encode() + b"  " + name + b"\n"


def test_a_folder_is_hashed_whole(run: Run, build: Path) -> None:
    """Files below a folder are named as the folder was; JSON has sizes too."""
    lines = run("hash", "build").stdout.splitlines()
    assert [line.split("  ")[1] for line in lines] == ["build/model.bin", "build/prompts/system.txt"]
    files = run("hash", "build", build / "model.bin", "--json").json["files"]
    assert [file["size"] for file in files] == [5, 17, 5]
    assert files[0]["sha256"] == hashlib.sha256(b"first").hexdigest()


def test_nothing_is_printed_unless_all_could_be_hashed(run: Run, build: Path) -> None:
    """A missing file among others fails the command."""
    assert run("hash", "build", "nope", code=3).stdout == ""
    run("hash", code=2)

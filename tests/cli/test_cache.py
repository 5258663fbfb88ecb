"""``modelver cache``: what is there, what goes, and what is damaged."""

import os
import pickle
import subprocess
from pathlib import Path

import pytest

import modelver as mv
from tests.cli.support import COMMAND, Run


@pytest.fixture
def loaded(run: Run, fraud: str) -> dict[str, Path]:
    """Load both versions; return their folders."""
    return {number: Path(run("load", f"{fraud}:{number}").stdout.strip()) for number in ("1.0.0", "1.1.0")}


@pytest.fixture
def afar(run: Run, build: Path, tmp_path: Path) -> Path:
    """Load a version of a registry that is no folder; return the version's folder."""
    registry = mv.Registry("memory://" + tmp_path.name)
    registry.register("acme/fraud", build, capture=False)
    return registry.load("acme/fraud@latest").path


def damage(path: Path) -> None:
    """Flip a bit of a file, and leave all else as it is."""
    status = path.stat()
    path.chmod(0o644)
    data = path.read_bytes()
    path.write_bytes(bytes([data[0] ^ 1]) + data[1:])
    path.chmod(status.st_mode)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_an_empty_cache_has_nothing(run: Run, private_cache: Path) -> None:
    """No folder has to be there, and none is made."""
    private_cache.rmdir()
    assert run("cache", "list").stdout.startswith(f"{private_cache}  0 B, limit ")
    assert run("cache", "prune", "--all").stdout == "Removed nothing; the cache takes 0 B\n"
    assert "All is well." in run("cache", "verify").stdout
    assert not private_cache.exists()


def test_list_shows_what_is_there(run: Run, loaded: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Versions by their names, the last used first, and the limit."""
    os.utime(loaded["1.0.0"], (1, 1))
    shown = run("cache", "list").stdout
    assert shown.index("acme/fraud:1.1.0") < shown.index("acme/fraud:1.0.0")
    assert "1970-01-01 00:00:01" in shown
    monkeypatch.setenv("MODELVER_CACHE_SIZE", "none")
    data = run("cache", "list", "--json").json
    assert (data["limit"], data["private"]) == (None, True)
    assert [(each["ref"], each["path"], each["in_use"]) for each in data["versions"]] == [
        ("acme/fraud:1.1.0", str(loaded["1.1.0"]), False),
        ("acme/fraud:1.0.0", str(loaded["1.0.0"]), False),
    ]
    assert data["blobs"]["files"] == 2
    monkeypatch.setenv("MODELVER_CACHE_SIZE", "20GiB")
    assert "limit 21.5 GB" in run("cache", "list").stdout


def test_a_version_without_a_manifest_has_no_name(
    run: Run, loaded: dict[str, Path], private_cache: Path
) -> None:
    """It is listed by its digest, and can't be checked."""
    (private_cache / "blobs" / "sha256" / loaded["1.0.0"].name[:2] / loaded["1.0.0"].name).unlink()
    assert f"?                 {loaded['1.0.0'].name[:12]}" in run("cache", "list").stdout
    assert run("cache", "verify", "--json").json["checked"] == {
        "blobs": 1,
        "versions": 1,
        "versions of which no manifest is here": 1,
    }


def test_prune_says_what_went(run: Run, loaded: dict[str, Path]) -> None:
    """A dry run says the same, and removes nothing."""
    os.utime(loaded["1.0.0"], (1, 1))
    told = run("cache", "prune", "--older-than", "30d", "--dry-run").stdout
    assert told.startswith("Would remove 1 version, ")
    assert "acme/fraud:1.0.0" in told
    assert loaded["1.0.0"].exists()
    done = run("cache", "prune", "--older-than", "30d", "--json").json
    assert (done["removed"][0]["kind"], done["removed"][0]["ref"]) == ("version", "acme/fraud:1.0.0")
    assert done["freed"] == sum(each["size"] for each in done["removed"])
    assert (loaded["1.0.0"].exists(), loaded["1.1.0"].exists()) == (False, True)
    assert run("cache", "prune").stdout.startswith("Removed nothing")
    assert run("cache", "prune", "--size", "0").stdout.startswith("Removed 1 version, ")


def test_what_a_process_has_loaded_stays(run: Run, fraud: str, registry_path: Path) -> None:
    """As long as it has the object, or a copy of it, and says so; a command of its own sees that too."""
    model = mv.Registry(registry_path).load(f"{fraud}:1.0.0")
    copy = pickle.loads(pickle.dumps(model))  # noqa: S301 (our own)
    assert copy == model
    path = model.path
    del model
    assert run("cache", "list", "--json").json["versions"][0]["in_use"]
    done = subprocess.run([*COMMAND, "cache", "prune", "--all"], capture_output=True, text=True, check=True)
    assert "acme/fraud:1.0.0" in done.stdout
    assert "in use" in done.stdout
    assert run("cache", "prune", "--all", "--json").json["in_use"] == [
        {"path": str(path), "ref": "acme/fraud:1.0.0"}
    ]
    assert (copy / "model.bin").read_bytes() == b"first"
    del copy
    run("cache", "prune", "--all")
    assert not path.exists()


def test_a_registry_keeps_the_limit(
    run: Run, fraud: str, registry_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`$MODELVER_CACHE_SIZE` holds for each load."""
    monkeypatch.setenv("MODELVER_CACHE_SIZE", "0")
    first = Path(run("load", f"{fraud}:1.0.0").stdout.strip())
    second = Path(run("load", f"{fraud}:1.1.0").stdout.strip())
    assert (first.exists(), second.exists()) == (False, True)
    monkeypatch.setenv("MODELVER_CACHE_SIZE", "lots")
    assert "MODELVER_CACHE_SIZE" in run("list", code=2).stderr


def test_verify_removes_what_is_damaged(run: Run, afar: Path, private_cache: Path) -> None:
    """A blob and the version that shares it; the next load has whole ones."""
    assert run("cache", "verify").code == 0
    damage(afar / "model.bin")
    shown = run("cache", "verify", "--keep", code=1).stdout
    assert "a blob is damaged" in shown
    assert "model.bin" in shown
    assert afar.exists()
    done = run("cache", "verify", "--json", code=1).json
    assert not done["ok"]
    assert {each["kind"] for each in done["removed"]} == {"version", "blob"}
    assert not afar.exists()
    assert run("cache", "verify").code == 0


def test_verify_sees_missing_and_foreign_files(run: Run, loaded: dict[str, Path]) -> None:
    """A version has all of its files, and nothing else."""
    loaded["1.0.0"].chmod(0o755)
    (loaded["1.0.0"] / "model.bin").unlink()
    loaded["1.1.0"].chmod(0o755)
    (loaded["1.1.0"] / "more").touch()
    done = run("cache", "verify", code=1)
    assert done.stdout.count("has not the files") == 2
    assert "Removed 2 versions" in done.stderr
    assert not loaded["1.0.0"].exists()


def test_verify_knows_a_part_of_a_version(run: Run, fraud: str) -> None:
    """Its name says which files it has."""
    part = Path(run("load", f"{fraud}:1.0.0", "--include", "*.bin").stdout.strip())
    assert run("cache", "verify", "--json").json["checked"]["versions"] == 1
    assert "  a part\n" in run("cache", "list").stdout
    part.chmod(0o755)
    (part / "model.bin").rename(part / "other.bin")
    assert "has not the files" in run("cache", "verify", code=1).stdout


def test_verify_leaves_what_is_in_use(run: Run, fraud: str, registry_path: Path) -> None:
    """And says so; the next load lays it out again."""
    model = mv.Registry(registry_path).load(f"{fraud}:1.0.0")
    damage(model / "model.bin")
    assert "In use, and left: acme/fraud:1.0.0" in run("cache", "verify", code=1).stderr
    again = mv.Registry(registry_path).load(f"{fraud}:1.0.0")
    assert (again / "model.bin").read_bytes() == b"first"


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_verify_removes_what_is_no_blob(
    kind: str, run: Run, afar: Path, private_cache: Path, tmp_path: Path
) -> None:
    """A link, a pipe or a folder in a blob's place goes; what a link leads to stays."""
    blob = next(path for path in (private_cache / "blobs").rglob("*") if path.is_file())
    blob.unlink()
    dear = tmp_path / "dear"
    dear.mkdir()
    (dear / "x").touch()
    if kind == "link":
        blob.symlink_to(dear)
    elif kind == "pipe":
        os.mkfifo(blob)
    else:
        blob.mkdir()
    assert "neither a file nor a folder" in run("cache", "verify", code=1).stdout
    assert not os.path.lexists(blob)
    assert (dear / "x").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["list", "--all"],
        ["verify", "--size", "1"],
        ["list", "--keep"],
        ["prune", "--keep"],
        ["prune", "--size", "1x"],
        ["prune", "--older-than", "1"],
        ["clean"],
        [],
    ],
)
def test_wrong_usage_is_refused(arguments: list[str], run: Run, loaded: dict[str, Path]) -> None:
    """Nothing is removed."""
    run("cache", *arguments, code=2)
    assert all(path.exists() for path in loaded.values())

"""Loading: a folder of verified files, and never a byte that was not verified."""

import os
import shutil
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

import modelver as mv
from tests.registries import MODEL, NOBODY, ordinary_account, publish, write_tree

EVERY = ["stamp", "fast", "full"]


@pytest.fixture
def version(registry: mv.Registry, build: Path) -> mv.ModelVersion:
    """Give a version with a model, its configuration and a prompt."""
    return registry.register(MODEL, build, aliases=["production"], capture=False)


def content(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


FILES = {
    "model.bin": b"weights",
    "config.json": b'{"threshold": 0.5}',
    "prompts/system.txt": b"Case: {case}",
}


def test_a_loaded_version_is_a_folder(registry: mv.Registry, version: mv.ModelVersion) -> None:
    """It says where it is and what it is, and works wherever a path does."""
    loaded = registry.load("acme/fraud@production")
    assert content(loaded.path) == FILES
    assert (loaded.record, loaded.version) == (version, version.version)
    assert os.fspath(loaded) == str(loaded.path)
    assert sorted(path.name for path in Path(loaded).iterdir()) == ["config.json", "model.bin", "prompts"]
    assert Path(loaded) == loaded.path


def test_all_loads_of_a_version_share_a_folder(registry: mv.Registry, version: mv.ModelVersion) -> None:
    """Whichever way it is named or verified, by whichever object."""
    folders = {registry.load(version, verify=verify).path for verify in EVERY}
    folders.add(mv.Registry(registry.url).load("acme/fraud:1.0.0").path)
    assert len(folders) == 1


def test_the_shared_folder_is_read_only(registry: mv.Registry, version: mv.ModelVersion) -> None:
    """No file and no folder of it may be written to."""
    loaded = registry.load(version)
    for path in (loaded.path, *loaded.path.rglob("*")):
        assert path.stat().st_mode & 0o222 == 0


def test_a_file_s_path_is_given_by_name(registry: mv.Registry, version: mv.ModelVersion) -> None:
    """Files and folders of the version, in any spelling of their path."""
    loaded = registry.load(version)
    for name in (
        "model.bin",
        "prompts/system.txt",
        "./model.bin",
        "prompts/../model.bin",
        Path("prompts") / "system.txt",
    ):
        assert (loaded / name).is_file()
    assert (loaded / "prompts").is_dir()


@pytest.mark.parametrize(
    "name",
    [
        "nothing",
        "",
        ".",
        "..",
        "../..",
        "/etc/passwd",
        "prompts/../../x",
        "model.bin/x",
        "prompts/nothing",
        "Model.bin",
    ],
)
def test_nothing_else_is_handed_out(name: str, registry: mv.Registry, version: mv.ModelVersion) -> None:
    """What is no file of the version is NotFound, wherever it may lead."""
    with pytest.raises(mv.NotFound, match="no such file"):
        registry.load(version) / name


def test_names_are_normalised(memory: mv.Registry) -> None:
    """A name is found in either Unicode spelling."""
    memory.register(MODEL, {"caf\u00e9.bin": b"1"}, capture=False)
    assert (memory.load("acme/fraud:1.0.0") / "cafe\u0301.bin").read_bytes() == b"1"


def test_prompts_are_read_by_name_or_path(memory: mv.Registry) -> None:
    """Exactly as they were given, line ends too; what is ambiguous, missing or no text is told."""
    files = {
        "prompts/system.txt": b"a\r\nb",
        "prompts/deep/user.md": "é".encode(),
        "judge.prompt.md": b"judge",
        "prompts/judge.txt": b"other",
        "prompts/bad.txt": b"\xff\xfe",
        "model.bin": b"1",
    }
    memory.register(MODEL, files, capture=False)
    loaded = memory.load("acme/fraud@latest")
    assert loaded.prompt("system") == loaded.prompt("prompts/system.txt") == "a\r\nb"
    assert loaded.prompt("deep/user") == "é"
    assert loaded.prompt("judge.prompt.md") == "judge"
    with pytest.raises(mv.InvalidValue, match="Give the path"):
        loaded.prompt("judge")
    with pytest.raises(mv.NotFound, match="deep/user"):
        loaded.prompt("nothing")
    with pytest.raises(mv.NotFound):
        loaded.prompt("model.bin")
    with pytest.raises(mv.InvalidValue, match="UTF-8"):
        loaded.prompt("bad")
    with pytest.raises(mv.NotFound):
        memory.load("acme/fraud@latest", include="*.bin").prompt("system")


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (None, mv.NotFound),
        (b"[1]", mv.InvalidValue),
        (b"{", mv.InvalidValue),
        (b"\xff", mv.InvalidValue),
        (b"[" * 100_000, mv.InvalidValue),
        (b" " * (16 * 2**20 + 1), mv.LimitExceeded),
    ],
)
def test_a_configuration_is_a_json_object(
    data: bytes | None, error: type[Exception], memory: mv.Registry
) -> None:
    """`config` reads config.json; anything else there is one of our errors."""
    files = {"m.bin": b"1"} if data is None else {"m.bin": b"1", "config.json": data}
    memory.register(MODEL, files, capture=False)
    with pytest.raises(error):
        _ = memory.load("acme/fraud@latest").config
    memory.register(MODEL, {"config.json": b'{"a": 1}'}, capture=False)
    assert memory.load("acme/fraud@latest").config == {"a": 1}


def test_a_part_of_a_version_can_be_loaded(registry: mv.Registry, version: mv.ModelVersion) -> None:
    """Only the files that match are there, in a folder of their own; the others are not handed out."""
    part = registry.load(version, include=["*.json", "prompts/*"])
    assert sorted(content(part.path)) == ["config.json", "prompts/system.txt"]
    assert registry.load(version, include="*.json").path != part.path != registry.load(version).path
    with pytest.raises(mv.NotFound):
        part / "model.bin"
    with pytest.raises(mv.InvalidValue, match=r"model\.bin"):
        registry.load(version, include="*.onnx")


def test_a_copy_of_one_s_own(registry: mv.Registry, version: mv.ModelVersion, tmp_path: Path) -> None:
    """`to` gives files that may be changed; neither the registry nor other loads notice."""
    mine = registry.load(version, to=tmp_path / "deploy" / "fraud")
    assert (mine.path, content(mine.path)) == (tmp_path / "deploy" / "fraud", FILES)
    (mine / "model.bin").write_bytes(b"changed")
    assert registry.verify()
    assert content(registry.load(version).path) == FILES
    with pytest.raises(mv.AlreadyExists, match="deploy"):
        registry.load(version, to=tmp_path / "deploy" / "fraud")
    part = registry.load(version, include="*.json", to=str(tmp_path / "part"))
    assert list(content(part.path)) == ["config.json"]


def test_home_is_understood(
    registry: mv.Registry, version: mv.ModelVersion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`~` in `to` is the home folder, and a relative place is below the working folder."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert registry.load(version, to="~/mine").path == tmp_path / "mine"
    assert registry.load(version, to="here").path == tmp_path / "here"


@pytest.mark.parametrize("verify", ["", "none", "FULL", None, True])
def test_other_ways_to_verify_are_refused(
    verify: object, registry: mv.Registry, version: mv.ModelVersion
) -> None:
    """There is no way to load without verifying."""
    with pytest.raises(mv.InvalidValue, match="stamp, fast or full"):
        registry.load(version, verify=verify)  # type: ignore[arg-type] # on purpose


def tampered(path: Path, change: Callable[[Path], object]) -> None:
    """Change a file of a read-only folder, and put its size-preserving looks back: mode and times."""
    status, parent = path.stat(), path.parent.stat()
    path.parent.chmod(0o755)
    path.chmod(0o644)
    change(path)
    if path.is_file() and not path.is_symlink():
        path.chmod(status.st_mode)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    path.parent.chmod(parent.st_mode)


def rewritten(path: Path) -> None:
    """Change one byte in place."""
    with path.open("r+b") as file:
        file.write(b"W")


def replaced(path: Path) -> None:
    """Put another file of the same size in its place."""
    other = path.with_name("other")
    other.write_bytes(b"W" + path.read_bytes()[1:])
    other.replace(path)


def linked(path: Path) -> None:
    """Leave a link to a file outside."""
    outside = path.parents[3] / "outside"
    outside.write_bytes(b"W" + path.read_bytes()[1:])
    path.unlink()
    path.symlink_to(outside)


TAMPERINGS: dict[str, Callable[[Path], object]] = {
    "rewritten": rewritten,
    "replaced": replaced,
    "linked": linked,
    "deleted": Path.unlink,
    "extra file": lambda path: path.with_name("evil.py").write_text("import os"),
    "extra folder": lambda path: path.with_name("evil").mkdir(),
}


@pytest.mark.parametrize("tampering", TAMPERINGS)
@pytest.mark.parametrize("verify", EVERY)
def test_tampering_with_the_cache_is_undone(
    tampering: str, verify: str, registry: mv.Registry, version: mv.ModelVersion
) -> None:
    """Changed, replaced, linked, missing and foreign files, with size and mtime as before, never reach a loader."""
    time.sleep(0.12)
    loaded = registry.load(version, verify="full")
    registry.load(version)
    tampered(loaded / "model.bin", TAMPERINGS[tampering])
    again = mv.Registry(registry.url).load(version, verify=verify)
    assert content(again.path) == FILES
    assert not list(again.path.rglob("evil*"))


@pytest.mark.parametrize("verify", EVERY)
@pytest.mark.parametrize("cached", ["cold", "warm", "tampered"])
@pytest.mark.parametrize("damage", ["flip", "cut", "longer", "gone"])
def test_a_damaged_blob_never_reaches_a_loader(
    verify: str, cached: str, damage: str, registry: mv.Registry, root: Path, version: mv.ModelVersion
) -> None:
    """From the cache the good bytes still come; where they would be needed, the load fails and hands out nothing."""
    if cached != "cold":
        folder = registry.load(version).path
    sha256 = mv.Digest.of(FILES["model.bin"]).hex
    blob = root / "blobs" / "sha256" / sha256[:2] / sha256
    data = {"flip": b"Weights", "cut": b"weight", "longer": b"weights!"}.get(damage)
    blob.unlink()
    if data is not None:
        blob.write_bytes(data)
    if cached == "warm":
        assert content(registry.load(version, verify=verify).path) == FILES
        return
    if cached == "tampered":
        tampered(folder / "model.bin", rewritten)
    with pytest.raises(mv.NotFound if damage == "gone" else mv.IntegrityError, match=sha256):
        registry.load(version, verify=verify)
    assert not registry.verify(version)


def test_damaged_maps_only_cost_time(registry: mv.Registry, root: Path, version: mv.ModelVersion) -> None:
    """A file map is derived: without it, files are hashed in full."""
    registry.load(version)
    event = registry._session.log(version.name).commit(2)[0].events[0]
    for digest in event.maps.values():  # type: ignore[union-attr] # a registration
        (root / "blobs" / "sha256" / digest.hex[:2] / digest.hex).unlink()
    loaded = registry.load(version, verify="fast")
    tampered(loaded / "model.bin", rewritten)
    assert content(registry.load(version, verify="fast").path) == FILES


def test_a_yanked_version_warns(registry: mv.Registry, version: mv.ModelVersion) -> None:
    """It can still be loaded, since somebody may have to look into it; the warning points at the caller."""
    with pytest.warns(UserWarning, match="serves"):
        registry.yank(version, reason="leaks names")
    with pytest.warns(UserWarning, match="was yanked: leaks names") as caught:
        loaded = registry.load(version)
    (ours,) = [warning for warning in caught if issubclass(warning.category, UserWarning)]
    assert Path(ours.filename) == Path(__file__)
    assert content(loaded.path) == FILES


def test_a_pinned_version_does_not_warn(registry: mv.Registry, version: mv.ModelVersion) -> None:
    """Loading is silent."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        registry.load(version)


@pytest.mark.parametrize("foreign", ["another account's", "writable for all"])
def test_a_cache_that_is_not_private_is_never_trusted(
    foreign: str, registry: mv.Registry, version: mv.ModelVersion, tmp_path: Path
) -> None:
    """Where others may write, stamps prove nothing: every load verifies every byte."""
    cache = tmp_path / "shared"
    cache.mkdir()
    if foreign == "another account's" and os.geteuid() == 0:
        os.chown(cache, NOBODY, NOBODY)
    else:
        cache.chmod(0o777)
    shared = mv.Registry(registry.url, cache_dir=cache)
    time.sleep(0.12)
    for _ in range(2):
        loaded = shared.load(version)
    assert not list(cache.glob("*.sqlite3"))
    tampered(loaded / "model.bin", rewritten)
    assert content(shared.load(version).path) == FILES


def test_the_cache_may_be_deleted(
    registry: mv.Registry, version: mv.ModelVersion, private_cache: Path
) -> None:
    """It is made again, as is what was remembered."""
    folder = registry.load(version).path
    for path in [private_cache, *private_cache.rglob("*")]:
        if path.is_dir():
            path.chmod(0o700)
    shutil.rmtree(private_cache)
    assert registry.load(version).path == folder
    assert content(folder) == FILES


def test_an_ordinary_account_loads_and_registers() -> None:
    """Without root's rights: linked where that is safe, verified, read-only, and never at the registry's expense."""
    with ordinary_account() as home:
        registry = mv.Registry(home / "registry", cache_dir=home / "cache")
        build = write_tree(home / "build", dict(FILES))
        version = registry.register(MODEL, build, capture=False)
        for verify in (*EVERY, "stamp"):
            loaded = registry.load(version, verify=verify)
            assert content(loaded.path) == FILES
        with pytest.raises(PermissionError):
            (loaded / "model.bin").write_bytes(b"changed")
        with pytest.raises(PermissionError):
            (loaded.path / "more").touch()
        mine = registry.load(version, to=home / "mine")
        (mine / "model.bin").write_bytes(b"changed")
        tampered(loaded / "config.json", Path.unlink)
        assert content(registry.load(version).path) == FILES
        assert registry.verify()


def test_a_cache_that_came_with_the_image_will_do() -> None:
    """Filled before and read-only now, as in a container: verified each time, and nothing has to be written."""
    with ordinary_account() as home:
        registry = mv.Registry(home / "registry", cache_dir=home / "cache")
        version = publish(registry)
        time.sleep(0.12)
        path = registry.load(version, verify="full").path
        folders = [home / "cache", *(each for each in (home / "cache").rglob("*") if each.is_dir())]
        modes = {folder: folder.stat().st_mode for folder in folders}
        for folder in folders:
            folder.chmod(0o555)
        for verify in EVERY:
            loaded = mv.Registry(registry.url, cache_dir=home / "cache").load(version, verify=verify)
            assert loaded.path == path
        for folder, mode in modes.items():
            folder.chmod(mode)


def test_an_old_version_loads_while_new_ones_come(memory: mv.Registry) -> None:
    """Each version has a folder of its own."""
    versions = [publish(memory, bytes([number])) for number in range(3)]
    assert [(memory.load(version) / "model.bin").read_bytes() for version in versions] == [
        b"\0",
        b"\1",
        b"\2",
    ]

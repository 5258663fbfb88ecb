"""Which registry is meant, when it is made, and what can be done with one that is missing, foreign or read-only."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import modelver as mv
from modelver.history.commit import seal
from modelver.storage.local import LocalStore
from modelver.values.canonical import encode
from tests.registries import MODEL, ordinary_account, publish, snapshot
from tests.storage.faults import mounted

CHECKOUT = Path(__file__).resolve().parents[2]
READS: dict[str, Callable[[mv.Registry], object]] = {
    "models": lambda registry: registry.models(),
    "versions": lambda registry: registry.versions(MODEL),
    "get": lambda registry: registry.get(f"{MODEL}:1.0.0"),
    "resolve": lambda registry: registry.resolve(f"{MODEL}@production"),
    "aliases": lambda registry: registry.aliases(MODEL),
    "status": lambda registry: registry.status(f"{MODEL}:1.0.0"),
    "history": lambda registry: registry.history(MODEL),
    "load": lambda registry: registry.load(f"{MODEL}:1.0.0"),
    "verify": lambda registry: registry.verify(),
    "verify version": lambda registry: registry.verify(f"{MODEL}:1.0.0"),
    "compare": lambda registry: registry.compare(f"{MODEL}:1.0.0", f"{MODEL}:1.0.0"),
}
WRITES: dict[str, Callable[[mv.Registry], object]] = {
    "register": lambda registry: publish(registry, b"new"),
    "create_model": lambda registry: registry.create_model("other"),
    "set_alias": lambda registry: registry.set_alias(MODEL, "staging", "1.0.0"),
    "delete_alias": lambda registry: registry.delete_alias(MODEL, "production"),
    "yank": lambda registry: registry.yank(f"{MODEL}:1.0.0", reason="bad"),
    "annotate": lambda registry: registry.annotate(f"{MODEL}:1.0.0", "note"),
    "record_metrics": lambda registry: registry.record_metrics(f"{MODEL}:1.0.0", {"f1": 1}),
}


def test_opening_makes_nothing(root: Path, private_cache: Path) -> None:
    """Neither the registry nor the cache, until something is written."""
    registry = mv.Registry(root)
    assert registry.url == str(root)
    assert repr(registry) == f"Registry({str(root)!r})"
    assert not root.exists()
    assert list(private_cache.iterdir()) == []
    publish(registry)
    assert (root / "modelver.json").exists()


@pytest.mark.parametrize("read", READS)
def test_a_missing_registry_can_t_be_read(read: str, root: Path) -> None:
    """NotFound says how one is made; reading makes none."""
    with pytest.raises(mv.NotFound, match="no registry here"):
        READS[read](mv.Registry(root))
    assert not root.exists()


def test_create_makes_one_now_or_never(root: Path) -> None:
    """True: now, once. False: not even by a write. None: by the first write."""
    with pytest.raises(mv.NotFound, match="no registry here"):
        publish(mv.Registry(root, create=False))
    assert not root.exists()
    mv.Registry(root, create=True)
    founding = (root / "modelver.json").read_bytes()
    assert mv.Registry(root, create=True).models() == []
    assert (root / "modelver.json").read_bytes() == founding
    assert publish(mv.Registry(root, create=False)).created


def test_a_file_is_no_registry(tmp_path: Path) -> None:
    """Nor is an address that nobody can open."""
    (tmp_path / "file").touch()
    with pytest.raises(mv.StoreError, match="not a folder"):
        mv.Registry(tmp_path / "file")
    with pytest.raises(mv.UnsupportedStore):
        mv.Registry("ftp://host/folder")
    for wrong in ("", "memory://", "file://host/a"):
        with pytest.raises(mv.InvalidValue):
            mv.Registry(wrong)


def test_the_place_is_argument_then_variable_then_project_then_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The nearest modelver.toml upwards counts; its relative address is relative to itself."""
    deep = tmp_path / "project" / "src" / "deep"
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)
    monkeypatch.delenv("MODELVER_REGISTRY", raising=False)
    assert mv.Registry().url == str(deep / "modelver-registry")
    project = tmp_path / "project" / "modelver.toml"
    project.write_text('[registry]\nurl = "models"\n')
    (tmp_path / "modelver.toml").write_text('[registry]\nurl = "farther"\n')
    assert mv.Registry().url == str(tmp_path / "project" / "models")
    project.write_text('[registry]\nurl = "memory://project"\n')
    assert mv.Registry().url == "memory://project"
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    project.write_text('[registry]\nurl = "~/models"\n')
    assert mv.Registry().url == str(tmp_path / "home" / "models")
    monkeypatch.setenv("MODELVER_REGISTRY", str(tmp_path / "variable"))
    assert mv.Registry().url == str(tmp_path / "variable")
    assert mv.Registry(tmp_path / "argument").url == str(tmp_path / "argument")
    monkeypatch.setenv("MODELVER_REGISTRY", "")
    project.write_text("[model]\nname = 'fraud'\n")
    assert mv.Registry().url == str(deep / "modelver-registry")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"[registry", "not TOML"),
        (b"\xff", "not TOML"),
        (b"[registry]\nurl = 5", r"found 5\).*Write the line \[registry\]"),
        (b"registry = 'models'", r"found models\).*Write the line \[registry\]"),
        (b"x = '" + b"x" * 2**20 + b"'", "too large"),
        (b"a = " + b"[" * 5000, "not TOML"),
    ],
    ids=range(6),
)
def test_a_project_file_that_can_t_be_read_is_told(
    text: bytes, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not passed over: the registry that is meant would be another one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MODELVER_REGISTRY", raising=False)
    (tmp_path / "modelver.toml").write_bytes(text)
    with pytest.raises(mv.InvalidValue, match=told) as raised:
        mv.Registry()
    assert "modelver.toml" in str(raised.value)


def test_a_project_file_that_may_not_be_read_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A StoreError names it."""
    monkeypatch.delenv("MODELVER_REGISTRY", raising=False)
    with ordinary_account() as home:
        monkeypatch.chdir(home)
        (home / "modelver.toml").touch(mode=0o000)
        with pytest.raises(mv.StoreError, match=r"modelver\.toml"):
            mv.Registry()
        monkeypatch.chdir("/")


def test_the_actor_is_argument_then_variable_then_account(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Commits record it; what can't be recorded is refused at once."""
    monkeypatch.delenv("MODELVER_ACTOR", raising=False)
    assert "@" in mv.Registry(root).actor
    monkeypatch.setenv("MODELVER_ACTOR", "ci@example.org")
    assert publish(mv.Registry(root)).created_by == "ci@example.org"
    assert mv.Registry(root, actor="lena").actor == "lena"
    for wrong in ("", "a\nb", "x" * 201):
        with pytest.raises(mv.InvalidValue, match="actor"):
            mv.Registry(root, actor=wrong)


def founding(**fields: object) -> bytes:
    """Return a founding file that checks itself."""
    body = {"format": 1, "registry": "ab" * 16, "created_at": "2026-11-17T15:00:00.000000Z", "options": {}}
    return seal(encode({**body, **fields}))  # type: ignore[arg-type] # JSON


@pytest.mark.parametrize(
    "data",
    [
        founding(format=2),
        founding(format=True),
        founding(registry=""),
        founding(registry="../../../../tmp/evil"),
        founding(registry="AB" * 16),
        founding(registry=5),
        seal(b"[]"),
        seal(b"{"),
        b"",
        b"{}",
        founding()[:-1],
        b"x" * 70_000,
    ],
)
def test_a_founding_file_that_is_none_is_refused(data: bytes, root: Path, private_cache: Path) -> None:
    """Another format, a hostile id, damage: an error for reading and writing, and nothing is written anywhere."""
    root.mkdir()
    (root / "modelver.json").write_bytes(data)
    for call in (READS["models"], WRITES["register"], READS["get"]):
        with pytest.raises((mv.Corrupt, mv.InvalidValue), match=r"modelver\.json"):
            call(mv.Registry(root))
    assert list(snapshot(root)) == ["modelver.json"]
    assert list(private_cache.rglob("*evil*")) == []


def test_a_newer_founding_file_may_say_more(root: Path) -> None:
    """Fields that this release doesn't know are kept."""
    root.mkdir()
    (root / "modelver.json").write_bytes(founding(motto="semper idem"))
    assert publish(mv.Registry(root)).created
    assert json.loads((root / "modelver.json").read_text())["body"]["motto"] == "semper idem"


def test_a_clock_that_is_far_off_is_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Histories are read by time: five minutes is the limit, and nothing is written."""
    publish(mv.Registry(root))
    before = snapshot(root)
    for minutes in (6, -6):
        monkeypatch.setattr(
            LocalStore, "clock", lambda _, m=minutes: datetime.now(UTC) + timedelta(minutes=m)
        )
        for write in WRITES.values():
            with pytest.raises(mv.StoreError, match="clock is off"):
                write(mv.Registry(root))
    assert snapshot(root) == before
    monkeypatch.setattr(LocalStore, "clock", lambda _: datetime.now(UTC) + timedelta(minutes=4))
    assert publish(mv.Registry(root), b"2").created


@pytest.fixture
def filled(root: Path) -> mv.Registry:
    """Give a registry with a version and an alias."""
    registry = mv.Registry(root)
    publish(registry, aliases=["production"])
    return registry


READ_ONLY = """
import sys
import modelver as mv
from tests.registry.test_opening import READS, WRITES

registry = mv.Registry(sys.argv[1])
for name, read in READS.items():
    read(registry)
for name, write in WRITES.items():
    try:
        write(mv.Registry(sys.argv[1]))
    except mv.StoreError as error:
        assert "remount" in str(error) or "permission" in str(error), error
    else:
        raise AssertionError(name)
assert mv.Registry(sys.argv[1]).register("acme/fraud", {"model.bin": b"weights"}, capture=False).version == "1.0.0"
"""


@pytest.mark.usefixtures("unmeasured")
def test_a_read_only_disk_is_read_as_ever(filled: mv.Registry, root: Path) -> None:
    """Mounted read-only: every question is answered, every write is a StoreError with what to do, nothing changes."""
    before = snapshot(root)
    prefix = mounted(f"mount --bind '{root}' '{root}'", f"mount -o remount,ro,bind '{root}'")
    subprocess.run([*prefix, sys.executable, "-c", READ_ONLY, str(root)], check=True, cwd=CHECKOUT)
    assert snapshot(root) == before


def test_somebody_else_s_registry_is_read_as_ever() -> None:
    """Without the right to write: the same."""
    with ordinary_account() as home:
        registry = mv.Registry(home / "registry", cache_dir=home / "cache")
        publish(registry, aliases=["production"])
        folders = [home / "registry", *(path for path in (home / "registry").rglob("*") if path.is_dir())]
        before = snapshot(home / "registry")
        for folder in folders:
            folder.chmod(0o555)
        try:
            for read in READS.values():
                read(mv.Registry(registry.url, cache_dir=home / "cache"))
            for write in WRITES.values():
                with pytest.raises(mv.StoreError, match="permission"):
                    write(mv.Registry(registry.url, cache_dir=home / "cache"))
            assert publish(mv.Registry(registry.url, cache_dir=home / "cache")).version == "1.0.0"
        finally:
            for folder in folders:
                folder.chmod(0o755)
        assert snapshot(home / "registry") == before


def test_a_cache_that_can_t_be_made_hinders_only_loads(filled: mv.Registry, tmp_path: Path) -> None:
    """Registering and reading go on without; loading says where it would have written."""
    (tmp_path / "file").touch()
    registry = mv.Registry(filled.url, cache_dir=tmp_path / "file" / "cache")
    assert publish(registry, b"2").created
    assert registry.verify()
    with pytest.raises(mv.StoreError, match="cache"):
        registry.load(f"{MODEL}:1.0.0")
    assert registry.load(f"{MODEL}:1.0.0", to=tmp_path / "mine").version == "1.0.0"


def test_the_cache_belongs_to_one_user_whatever_the_umask(root: Path, tmp_path: Path) -> None:
    """A first write with a lax umask must not make a cache that is never trusted."""
    umask = os.umask(0o002)
    try:
        publish(mv.Registry(root, cache_dir=tmp_path / "cache"))
    finally:
        os.umask(umask)
    assert (tmp_path / "cache").stat().st_mode & 0o077 == 0

"""The search index follows the logs: news alone are read, and what is not as it was is built again."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import modelver as mv
from modelver.errors import Offline
from modelver.index.file import IndexFile
from modelver.index.write import stamps
from modelver.registry.base.session import Session
from modelver.registry.search.searching import Wish, index_of, search
from modelver.storage.cached import CachedStore
from modelver.storage.memory import MemoryStore
from modelver.storage.remote.store import RemoteStore
from modelver.storage.store import Entry
from tests.logs import Watched
from tests.registries import ordinary_account, publish

Operation = tuple[str, int, int]


def index_file(registry: mv.Registry) -> IndexFile:
    """Return a registry's index."""
    return index_of(registry._session)


def dump(registry: mv.Registry) -> object:
    """Return all that an index says, without its row numbers."""
    registry.search()
    facts = (
        "SELECT v.folder, v.version, p.text, f.value FROM facts f JOIN versions v ON v.id = f.version"
        " JOIN paths p ON p.id = f.path ORDER BY 1, 2, 3, typeof(f.value), 4"
    )
    texts = (
        "SELECT v.folder, v.version, t.changelog, t.notes, t.description, t.card FROM texts t"
        " JOIN versions v ON v.id = t.rowid ORDER BY 1, 2"
    )
    versions = (
        "SELECT folder, name, versions.version, precedence, digest, seq, commit_digest, created_at, created_by, yanked, body"
        " FROM versions JOIN bodies ON bodies.version = versions.id ORDER BY folder, versions.version"
    )
    models = "SELECT folder, name, scheme, seq, head FROM models ORDER BY folder"
    return registry._index.run(
        lambda connection: [
            connection.execute(query).fetchall() for query in (models, versions, facts, texts)
        ]
    )


def settle(root: Path) -> None:
    """Let the folders look as if nothing had happened for an hour."""
    past = time.time() - 3600
    for log in (root / "models").glob("*/log"):
        os.utime(log, (past, past))


def act(registry: mv.Registry, operation: Operation) -> None:
    """Do something to one of two models; what can't be done is left."""
    what, model, number = operation
    name = f"model-{model}"
    ref = f"{name}:1.{number}.0"
    try:
        if what == "register":
            registry.register(
                name,
                {"m.bin": bytes([number])},
                version=f"1.{number}.0",
                metrics={"f1": number / 10},
                tags={"team": str(number)},
                changelog=f"Number {number}.",
                capture=False,
            )
        elif what == "alias":
            registry.set_alias(name, "production", f"1.{number}.0")
        elif what == "delete":
            registry.delete_alias(name, "production")
        elif what == "rollback":
            registry.rollback(name, "production", reason="worse")
        elif what == "yank":
            with warnings.catch_warnings(action="ignore"):  # it may be what production serves
                registry.yank(ref, reason="bad")
        elif what == "metrics":
            registry.record_metrics(ref, {"f1": number / 7, "recall": 0.5}, dataset="later" * (number % 2))
        elif what == "annotate":
            registry.annotate(ref, f"Note {number}.", tags={"team": "" if number % 2 else "new"})
    except mv.ModelverError:
        pass


_operations = st.lists(
    st.tuples(
        st.sampled_from(
            ["register", "register", "alias", "delete", "rollback", "yank", "metrics", "annotate", "search"]
        ),
        st.integers(0, 1),
        st.integers(0, 3),
    ),
    min_size=3,
    max_size=14,
)


@given(_operations)
@settings(max_examples=25)
def test_an_index_that_followed_is_one_that_was_built(operations: list[Operation]) -> None:
    """Whenever it looked, the index says what one says that is built from nothing."""
    registry = mv.Registry(f"memory://{uuid.uuid4().hex}", create=True)
    registry._index.move_to_memory()
    for operation in operations:
        if operation[0] == "search":
            registry.search(model="model-0*" if operation[2] % 2 else None)
        else:
            act(registry, operation)
    rebuilt = mv.Registry(registry.url)
    rebuilt._index.move_to_memory()
    assert dump(registry) == dump(rebuilt)


def test_a_second_search_reads_no_commit(registry: mv.Registry, root: Path) -> None:
    """Where nothing has happened, a folder's time says so; after a commit, that model alone is read."""
    for name in ("a", "b"):
        registry.register(name, {"m.bin": b"1"}, capture=False)
    settle(root)
    other = mv.Registry(root)
    store = other._session.store = Watched(other._session.store)
    assert len(other.search()) == 2
    store.read.clear()
    assert len(other.search()) == 2
    assert store.read == []
    registry.register("b", {"m.bin": b"2"}, capture=False)
    assert len(other.search()) == 3
    assert store.read
    assert not any("/a/" in key for key in store.read)


def test_a_registration_costs_one_manifest(registry: mv.Registry) -> None:
    """Of a model with many versions, only those manifests are read again of which the log says something new."""
    for number in range(6):
        publish(registry, bytes([number]))
    other = mv.Registry(registry.url)
    store = other._session.store = Watched(other._session.store)
    assert len(other.search()) == 6
    publish(registry, b"new")
    registry.set_alias("acme/fraud", "production", "1.2.0")
    store.read.clear()
    assert [version.version for version in other.search('"production" in aliases')] == ["1.2.0"]
    assert len([key for key in store.read if key.startswith("blobs/")]) == 2


def test_a_bucket_is_asked_once_whether_anything_happened(memory: mv.Registry) -> None:
    """From afar, one listing tells of all models."""
    for name in ("a", "b", "c"):
        memory.register(name, {"m.bin": b"1"}, capture=False)
    other = mv.Registry(memory.url)
    store = other._session.store = Watched(other._session.store)
    assert len(other.search()) == 3
    store.read.clear()
    assert len(other.search()) == 3
    assert len(other.search(model="b")) == 1
    assert store.read == []


def test_a_commit_within_the_clocks_grain_is_seen(registry: mv.Registry, root: Path) -> None:
    """A folder's time need not change with every commit: one that changed lately is looked into."""
    publish(registry, b"1")
    log = root / "models" / "acme--fraud" / "log"
    before = log.stat()
    assert len(registry.search()) == 1
    publish(registry, b"2")
    os.utime(log, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert len(mv.Registry(root).search()) == 2


def test_a_rewritten_log_is_read_anew(registry: mv.Registry, root: Path, tmp_path: Path) -> None:
    """Where a log is another than the one that was indexed, nothing of the old one stays."""
    publish(registry, b"1", metrics={"f1": 0.1})
    shutil.copytree(root, tmp_path / "copy")
    publish(registry, b"2", metrics={"f1": 0.2})
    publish(registry, b"3", metrics={"f1": 0.3})
    assert len(registry.search()) == 3
    copy = mv.Registry(tmp_path / "copy", actor="mallory", cache_dir=tmp_path / "elsewhere")
    publish(copy, b"4", metrics={"f1": 0.4})
    publish(copy, b"5", metrics={"f1": 0.5})
    publish(copy, b"6", metrics={"f1": 0.6})
    shutil.rmtree(root)
    (tmp_path / "copy").rename(root)
    (registry._session.cache / "heads.sqlite3").unlink()
    again = mv.Registry(root)
    assert [row.values["metrics.f1"] for row in again.search("metrics.f1 > 0.0").rows()] == [
        0.1,
        0.4,
        0.5,
        0.6,
    ]
    again._session.cache.joinpath("heads.sqlite3").unlink()
    for number in (5, 4, 3):
        (root / "models" / "acme--fraud" / "log" / f"{number:020}.json").unlink()
    assert len(mv.Registry(root).search()) == 1


def test_a_rollback_that_this_machine_can_tell_is_told(registry: mv.Registry, root: Path) -> None:
    """A log that was cut is left out of a search of all models, and an error of a search of that one."""
    publish(registry, b"1")
    publish(registry, b"2")
    registry.register("other", {"m.bin": b"3"}, capture=False)
    assert len(registry.search()) == 3
    (root / "models" / "acme--fraud" / "log" / f"{3:020}.json").unlink()
    again = mv.Registry(root)
    with pytest.warns(UserWarning, match="leaves out the model acme--fraud"):
        assert [version.ref for version in again.search()] == ["other:1.0.0"]
    with pytest.raises(mv.Corrupt):
        again.search(model="acme/fraud")


def test_a_model_that_is_gone_is_found_no_more(registry: mv.Registry, root: Path) -> None:
    """Its rows go with it."""
    publish(registry)
    registry.register("other", {"m.bin": b"3"}, capture=False)
    assert len(registry.search()) == 2
    shutil.rmtree(root / "models" / "other")
    assert [version.ref for version in mv.Registry(root).search()] == ["acme/fraud:1.0.0"]


def test_a_missing_manifest_is_told_until_it_is_there(registry: mv.Registry, root: Path) -> None:
    """A version whose manifest can't be read is left out, with a warning, and found again once it can be."""
    version = publish(registry)
    publish(registry, b"2")
    blob = root / "blobs" / "sha256" / version.digest.hex[:2] / version.digest.hex
    data = blob.read_bytes()
    blob.unlink()
    for _ in range(2):
        with pytest.warns(UserWarning, match="a manifest is missing: acme/fraud:1.0.0"):
            assert len(mv.Registry(root).search()) == 1
    with pytest.raises(mv.NotFound, match="a manifest is missing"):
        mv.Registry(root).search(model="acme/fraud")
    blob.write_bytes(data)
    assert len(mv.Registry(root).search()) == 2


@pytest.mark.parametrize("spoiled", [b"", b"no database", b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_spoiled_file_is_built_again(registry: mv.Registry, root: Path, spoiled: bytes) -> None:
    """Whatever is in the index's file, the answer is the same, and nobody is bothered with it."""
    publish(registry, metrics={"f1": 0.9})
    assert len(registry.search("metrics.f1 > 0.5")) == 1
    index_file(registry).path.write_bytes(spoiled)
    assert len(mv.Registry(root).search("metrics.f1 > 0.5")) == 1
    assert len(registry.search("metrics.f1 > 0.5")) == 1
    assert index_file(registry).path.stat().st_size > 10_000


def test_damage_in_the_middle_is_mended(registry: mv.Registry, root: Path) -> None:
    """So is a page that was overwritten."""
    for number in range(30):
        publish(registry, bytes([number]), metrics={"f1": 0.9})
    assert len(registry.search("metrics.f1 > 0.5")) == 30
    path = index_file(registry).path
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xa5" * (len(data) - 4096)
    path.write_bytes(data)
    assert len(mv.Registry(root).search("metrics.f1 > 0.5")) == 30


@pytest.mark.parametrize(
    "statement",
    [
        "PRAGMA user_version = 99",
        "DROP TABLE facts",
        "UPDATE bodies SET body = '{}'",
        "UPDATE bodies SET body = 'x'",
    ],
)
def test_another_schema_is_built_again(registry: mv.Registry, root: Path, statement: str) -> None:
    """An index of another release, or with other tables or rows, is no reason to fail."""
    publish(registry, metrics={"f1": 0.9})
    assert len(registry.search("metrics.f1 > 0.5")) == 1
    with sqlite3.connect(index_file(registry).path) as connection:
        connection.execute(statement)
    connection.close()
    assert len(mv.Registry(root).search("metrics.f1 > 0.5 || false")) == 1


def test_a_cache_that_can_not_be_written_to_is_done_without(memory: mv.Registry) -> None:
    """The index is in memory then, and lives as long as the registry's object."""
    publish(memory)
    with ordinary_account() as folder:
        cache = folder / "cache"
        cache.mkdir(mode=0o500)
        reader = mv.Registry(memory.url, cache_dir=cache)
        assert len(reader.search()) == 1
        assert reader._index.is_in_memory
        assert list(cache.iterdir()) == []


def test_an_index_in_memory_stays_for_those_who_use_it(memory: mv.Registry) -> None:
    """Of threads that find the file unfit at once the last one throws away nothing that the first has read."""
    publish(memory)
    memory._index.move_to_memory()
    assert len(memory.search()) == 1
    memory._index.move_to_memory()
    assert memory._index.run(stamps)


def test_a_listing_that_could_not_be_reached_makes_nothing_vanish(
    memory: mv.Registry, private_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What this machine remembers of the logs may be less than what the index has seen, though others reach the store."""
    publish(memory)
    gone: list[str] = []

    class Flickering(MemoryStore):
        def list(self, prefix: str, *, after: str = "") -> Iterator[Entry]:
            if gone:
                raise Offline(gone.pop())
            return super().list(prefix, after=after)

    store = Flickering(memory.url.removeprefix("memory://"))
    cached = CachedStore(cast("RemoteStore", store), private_cache, lambda: True, offline=False)
    session = Session(cached, private_cache, None, create=False, storage_options={})
    index = index_of(session)
    assert len(search(session, index, Wish())) == 1
    shutil.rmtree(cached._objects / "models")
    remembered = cached._walk

    def meanwhile(prefix: str, after: str) -> Iterator[Entry]:
        """Answer from memory; by then another thread has reached the store."""
        found = list(remembered(prefix, after))
        cached._note_reached()
        return iter(found)

    monkeypatch.setattr(cached, "_walk", meanwhile)
    gone += ["the network is gone"] * 2  # it looks again before it believes that
    assert len(search(session, index, Wish())) == 1


def test_a_cache_that_others_may_write_to_is_not_trusted(
    registry: mv.Registry, root: Path, tmp_path: Path
) -> None:
    """Somebody else's index could say anything."""
    publish(registry)
    cache = tmp_path / "shared"
    cache.mkdir()
    cache.chmod(0o777)
    reader = mv.Registry(root, cache_dir=cache)
    assert len(reader.search()) == 1
    assert reader._index.is_in_memory


def test_without_fts5_everything_else_works(memory: mv.Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some builds of SQLite lack it; a search by text says so."""
    monkeypatch.setattr("modelver.index.schema._TEXTS", "CREATE VIRTUAL TABLE texts USING no_such_module (a)")
    publish(memory, metrics={"f1": 0.9}, changelog="Cards.")
    assert len(memory.search("metrics.f1 > 0.5")) == 1
    publish(memory, b"2", metrics={"f1": 0.9})
    assert len(memory.search("metrics.f1 > 0.5")) == 2
    with pytest.raises(mv.InvalidValue, match="built without FTS5"):
        memory.search(text="cards")


def test_two_registries_have_two_indexes(registry: mv.Registry, root: Path, tmp_path: Path) -> None:
    """A copy has the same id, and an index of its own."""
    publish(registry)
    shutil.copytree(root, tmp_path / "copy")
    copy = mv.Registry(tmp_path / "copy")
    publish(registry, b"2")
    assert len(copy.search()) == 1
    assert len(registry.search()) == 2
    assert index_file(copy).path != index_file(registry).path


@pytest.mark.usefixtures("unmeasured")
def test_several_processes_build_one_index(registry: mv.Registry, root: Path) -> None:
    """While others write and search, each finds all that was there when it began, and the index is sound."""
    for number in range(8):
        registry.register(f"model-{number}", {"m.bin": b"1"}, metrics={"f1": 0.9}, capture=False)
    code = f"""
import sys, json
import modelver as mv
registry = mv.Registry({str(root)!r})
counts = []
for number in range(6):
    if sys.argv[1] == "0":
        registry.register(f"model-{{number}}", {{"m.bin": b"2"}}, metrics={{"f1": 0.9}}, capture=False)
    counts.append(len(registry.search("metrics.f1 > 0.5")))
print(json.dumps(counts))
"""
    started = [
        subprocess.Popen([sys.executable, "-c", code, str(number)], stdout=subprocess.PIPE, text=True)
        for number in range(4)
    ]
    answers = [json.loads(process.communicate()[0]) for process in started]
    assert [process.returncode for process in started] == [0, 0, 0, 0]
    assert all(counts == sorted(counts) and 8 <= counts[0] <= counts[-1] <= 14 for counts in answers)
    assert answers[0] == [9, 10, 11, 12, 13, 14]
    fresh = mv.Registry(root)
    fresh._index.move_to_memory()
    assert dump(mv.Registry(root)) == dump(fresh)

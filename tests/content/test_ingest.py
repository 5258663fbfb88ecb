"""Files into blobs: each byte once, the right bytes only, and a map of each."""

import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import fsspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelver.cache.stamps import StampCache
from modelver.content import outgoing
from modelver.content.blobs import get_blob
from modelver.errors import IntegrityError, InvalidValue, ModelverError, NotFound, SourceChanged, StoreError
from modelver.hashing import parallel
from modelver.storage.layout import blob_key
from modelver.storage.local import LocalStore
from modelver.storage.memory import MemoryStore
from modelver.values.digest import Digest
from modelver.values.filemap import MAX_RANGE
from tests.registries import onnx_model, ordinary_account, snapshot, temporary_files, weights, write_tree

from .support import map_of, old, stored


def test_files_become_blobs_under_their_sha256(
    source: Path, store: LocalStore, stamps: StampCache, private_cache: Path
) -> None:
    """Each file's bytes are under the name that `sha256sum` prints; its entry says so."""
    write_tree(source, {"a.bin": "1", "b/config.json": "{}"})
    found = stored(source, store, stamps, private_cache)
    assert list(found) == ["a.bin", "b/config.json"]
    for path, one in found.items():
        data = (source / path).read_bytes()
        assert one.entry.sha256 == hashlib.sha256(data).hexdigest()
        assert get_blob(store, Digest.from_hex(one.entry.sha256), limit=9) == data
    assert found["b/config.json"].entry.media_type == "application/json"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(files=st.dictionaries(st.sampled_from(["a", "b", "c/d"]), st.binary(max_size=2000), min_size=1))
def test_whatever_the_bytes_they_come_back(
    files: dict[str, bytes], stamps: StampCache, private_cache: Path
) -> None:
    """Bytes in, the same bytes out, in any store; the map covers each byte once."""
    store = MemoryStore(os.urandom(8).hex())
    for path, one in stored(files, store, stamps, private_cache).items():
        assert get_blob(store, Digest.from_hex(one.entry.sha256), limit=2000) == files[path]
        assert sum(each.length for each in map_of(one, store).ranges) == len(files[path]) == one.entry.size


def test_tensors_get_ranges_of_their_own(store: LocalStore, stamps: StampCache, private_cache: Path) -> None:
    """A weight file's map names its tensors, and each one's bytes are a range."""
    found = stored(
        {"m.safetensors": weights(a=[1, 2], b=[3]), "m.onnx": onnx_model([1.0, 2.0])},
        store,
        stamps,
        private_cache,
    )
    for path, names in (("m.safetensors", {"a", "b"}), ("m.onnx", {"added"})):
        filemap = map_of(found[path], store)
        assert {tensor.name for tensor in filemap.tensors} == names
        spans = {(each.offset, each.length) for each in filemap.ranges}
        assert all((tensor.offset, tensor.length) in spans for tensor in filemap.tensors)


def test_a_known_file_is_not_read_again(
    source: Path, store: LocalStore, stamps: StampCache, private_cache: Path
) -> None:
    """Where stamp and blob agree, a file's digest and tensors are taken from memory: unreadable bytes don't matter."""
    write_tree(source, {"m.safetensors": weights(a=[1]), "big.bin": b"x" * (MAX_RANGE + 1)})
    for path in source.iterdir():
        old(path)
    first = stored(source, store, stamps, private_cache)
    told: list[int] = []
    place = source / "big.bin"
    status = place.stat()
    place.write_bytes(b"y" * (MAX_RANGE + 1))
    os.utime(place, ns=(status.st_atime_ns, status.st_mtime_ns))
    again = stored(source, store, stamps, private_cache, on_bytes=told.append)
    assert again["m.safetensors"] == first["m.safetensors"]
    assert again["big.bin"].entry.sha256 == hashlib.sha256(b"y" * (MAX_RANGE + 1)).hexdigest()
    assert sum(told) == sum(path.stat().st_size for path in source.iterdir())


def test_a_new_ctime_alone_costs_a_fast_check(
    source: Path, store: LocalStore, stamps: StampCache, private_cache: Path
) -> None:
    """A new hard link changes a file's ctime; the bytes tell that nothing else did."""
    place = old(write_tree(source, {"a.bin": b"x" * 1000}) / "a.bin")
    first = stored(source, store, stamps, private_cache)
    (source.parent / "link").hardlink_to(place)
    assert stored(source, store, stamps, private_cache) == first


def test_a_remembered_layout_is_that_of_the_same_suffix(
    source: Path, store: LocalStore, stamps: StampCache, private_cache: Path
) -> None:
    """A file that was plain bytes under one name has tensors under another, and the other way round."""
    place = old(write_tree(source, {"m": weights(a=[1])}) / "m")
    for path, tensors in (("m.bin", 0), ("m.safetensors", 1), ("m.bin", 0)):
        found = stored({path: place}, store, stamps, private_cache)
        assert len(map_of(found[path], store).tensors) == tensors


def test_equal_files_are_stored_once(
    source: Path, store: LocalStore, stamps: StampCache, private_cache: Path
) -> None:
    """Ten files of the same bytes are one blob, whoever is first."""
    write_tree(source, {f"{number}.bin": b"same" for number in range(10)})
    found = stored(source, store, stamps, private_cache)
    assert len({one.entry.sha256 for one in found.values()}) == 1
    assert len(list(store.list("blobs"))) == 2  # the bytes, and their map


@pytest.fixture
def slow_lines() -> Iterator[None]:
    """Have each line of `outgoing.py` take a while, so that threads meet in between any two of them."""

    def each(frame: FrameType, event: str, argument: object) -> Callable[..., object] | None:
        if frame.f_code.co_filename != outgoing.__file__:
            return None
        time.sleep(0.001 if event == "line" else 0)
        return each

    before = threading.gettrace()
    threading.settrace(each)
    yield
    threading.settrace(before)  # type: ignore[arg-type] # None is what it was


def test_threads_take_no_result_of_each_other(
    stamps: StampCache, private_cache: Path, slow_lines: None
) -> None:
    """Each of many files that are sent at once has its own entry, wherever one thread waits for another."""
    files = {f"{number:02}": bytes(number) for number in range(40)}
    found = stored(files, MemoryStore(os.urandom(8).hex()), stamps, private_cache)
    assert {path: one.entry.size for path, one in found.items()} == {path: len(files[path]) for path in files}


def test_the_error_that_stopped_the_others_is_told(
    source: Path, stamps: StampCache, private_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where one file can't be sent, its error is raised, though files before it were stopped on their way."""
    monkeypatch.setattr(parallel, "usable_cores", lambda: 1)  # the large one is begun first
    failed = threading.Event()

    class Full(MemoryStore):
        def size(self, key: str) -> int:
            if key.endswith(hashlib.sha256(b"large").hexdigest()):
                failed.wait()
                time.sleep(0.05)
            return super().size(key)

        def put_blob(self, key: str, data: bytes) -> None:
            if data == b"last":
                failed.set()
                raise StoreError("the bucket is full", where=key)
            super().put_blob(key, data)

    write_tree(source, {"1": "large", "2": "last"})
    with pytest.raises(StoreError, match="the bucket is full"):
        stored(source, Full(os.urandom(8).hex()), stamps, private_cache)


def test_an_empty_file_is_a_file(
    store: LocalStore, stamps: StampCache, private_cache: Path, source: Path
) -> None:
    """Nothing is a content, too."""
    write_tree(source, {"empty": b""})
    found = stored(source, store, stamps, private_cache)
    assert (found["empty"].entry.size, map_of(found["empty"], store).ranges) == (0, ())


def test_a_file_that_changes_after_its_header_was_read_has_changed(
    source: Path, store: LocalStore, stamps: StampCache, private_cache: Path
) -> None:
    """Tensors of one file and bytes of another make no version, though the size is the same."""
    place = old(write_tree(source, {"m.safetensors": weights(a=[1])}) / "m.safetensors")
    with pytest.raises(SourceChanged, match=r"m\.safetensors"):
        stored(source, store, stamps, private_cache, between=lambda: place.write_bytes(weights(b=[1])))
    assert list(store.list("")) == []


def test_a_file_that_vanishes_is_missing(
    source: Path, store: LocalStore, stamps: StampCache, private_cache: Path
) -> None:
    """A source that is removed meanwhile is NotFound."""
    place = write_tree(source, {"a": "1"}) / "a"
    with pytest.raises(NotFound, match="missing"):
        stored(source, store, stamps, private_cache, between=place.unlink)


def test_an_unreadable_file_is_refused_before_anything_is_written() -> None:
    """The permission is missed when headers are read: nothing is stored."""
    with ordinary_account() as folder:
        write_tree(folder, {"source/a": "1", "source/b": "2"})
        (folder / "source" / "b").chmod(0)
        store = LocalStore(folder / "registry")
        with pytest.raises(StoreError, match="Permission denied"):
            stored(folder / "source", store, StampCache(folder / "cache"), folder / "cache")
        assert not (folder / "registry").exists()


@pytest.mark.parametrize("suffix", ["safetensors", "onnx"])
def test_a_truncated_weight_file_is_refused_before_anything_is_written(
    suffix: str, store: LocalStore, stamps: StampCache, private_cache: Path, source: Path
) -> None:
    """A malformed file among good ones stops all, and is named."""
    whole = weights(a=[1, 2, 3]) if suffix == "safetensors" else onnx_model([1.0] * 9)
    write_tree(source, {"good.bin": "1", f"bad.{suffix}": whole[:-3]})
    with pytest.raises(InvalidValue, match="bad"):
        stored(source, store, stamps, private_cache)
    assert list(store.list("")) == []


def test_a_damaged_blob_of_the_same_name_is_found(
    source: Path, store: LocalStore, stamps: StampCache, private_cache: Path
) -> None:
    """A blob of another size can't be the file's bytes: it is not relied on, and not written over."""
    write_tree(source, {"a": b"12345"})
    key = blob_key(Digest.of(b"12345"))
    store.put_blob(key, b"123")
    with pytest.raises(IntegrityError, match=key):
        stored(source, store, stamps, private_cache)
    assert store.get(key, limit=9) == b"123"


def test_files_elsewhere_are_fetched_and_forgotten(
    store: LocalStore, stamps: StampCache, private_cache: Path, tmp_path: Path
) -> None:
    """A remote file is stored with its tensors; its copy in the cache is gone afterwards."""
    fsspec.filesystem("memory").pipe(f"{tmp_path}/m.safetensors", weights(a=[1]))
    found = stored(f"memory:/{tmp_path}/m.safetensors", store, stamps, private_cache)
    assert map_of(found["m.safetensors"], store).tensors[0].name == "a"
    assert list((private_cache / "staging").iterdir()) == []
    assert temporary_files(Path(store.url)) == []


def test_what_was_fetched_is_forgotten_after_a_failure_too(
    store: LocalStore, stamps: StampCache, private_cache: Path, tmp_path: Path
) -> None:
    """A malformed remote file leaves nothing, in the store or in the cache."""
    fsspec.filesystem("memory").pipe(f"{tmp_path}/m.safetensors", b"123")
    with pytest.raises(ModelverError):
        stored(f"memory:/{tmp_path}/m.safetensors", store, stamps, private_cache)
    assert list((private_cache / "staging").iterdir()) == []
    assert list(store.list("")) == []


def test_progress_adds_up(source: Path, store: LocalStore, stamps: StampCache, private_cache: Path) -> None:
    """Bytes in memory, in files and elsewhere are each told once."""
    write_tree(source, {"a.bin": b"x" * 3_000_000})
    fsspec.filesystem("memory").pipe(f"{source}/b", b"y" * 500)
    told: list[int] = []
    sources = {"a": source / "a.bin", "b": f"memory:/{source}/b", "c": b"z" * 70}
    stored(sources, store, stamps, private_cache, on_bytes=told.append)
    assert sum(told) == 3_000_570


def test_storing_leaves_sources_alone(
    source: Path, store: LocalStore, stamps: StampCache, private_cache: Path
) -> None:
    """Bytes, names and permissions of what was copied are as before, and no inode is shared."""
    write_tree(source, {"a.bin": "1", "b/c": "2"})
    before = snapshot(source)
    stored(source, store, stamps, private_cache)
    assert snapshot(source) == before
    assert {path.stat().st_nlink for path in source.rglob("*") if path.is_file()} == {1}

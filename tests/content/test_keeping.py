"""The cache within bounds: what goes first, what stays, and what other processes see of it."""

import os
import pickle
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from modelver.cache.stamps import Remembered, Stamp, StampCache
from modelver.content.check import WORTH_WAITING
from modelver.content.keeping import holding
from modelver.content.keeping.cleaning import Pruned, Wish
from modelver.content.keeping.holding import hold, in_use
from modelver.content.keeping.keeper import Keeper
from modelver.content.keeping.limit import DEFAULT, cache_limit, parse_age, parse_size
from modelver.content.keeping.survey import survey
from modelver.errors import Conflict, InvalidValue
from modelver.storage.lock import advisory_lock
from modelver.values.digest import Digest
from tests import resources
from tests.content.afar import AfarStore, Machine, content, files_of, used
from tests.registries import ordinary_account

pytestmark = pytest.mark.usefixtures("unmeasured")

MB = 2**20
ALL = Wish(everything=True)


@pytest.fixture
def machine(tmp_path: Path, private_cache: Path) -> Machine:
    """Give a machine whose cache has no limit."""
    return Machine(AfarStore(tmp_path / "store"), private_cache)


def big(letter: bytes) -> bytes:
    """Return the content of a file that is worth more than a manifest."""
    return letter * (2 * MB)


def removed(pruned: Pruned, kind: str) -> list[Path]:
    """Return what was removed of a kind."""
    return [each.path for each in pruned.removed if each.kind == kind]


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("20GiB", 20 * 2**30),
        ("500MB", 500 * 10**6),
        ("1.5 TB", 15 * 10**11),
        ("7kb", 7000),
        ("12", 12),
        ("0", 0),
        (12, 12),
        ("3 B", 3),
    ],
)
def test_a_size_has_a_unit_or_is_bytes(text: str | int, size: int) -> None:
    """Decimal and binary units are told apart, in any case."""
    assert parse_size(text, where="x") == size


@pytest.mark.parametrize("text", ["", "GiB", "20G", "-1", "1e9", "20 G i B", "٣MB", -1, True, "none"])
def test_what_is_no_size_is_refused(text: str | int) -> None:
    """The message says where it came from, and how a size looks."""
    with pytest.raises(InvalidValue, match=r"--size .*20GiB"):
        parse_size(text, where="--size")


def test_an_age_has_a_unit() -> None:
    """Minutes, hours, days and weeks."""
    assert [parse_age(text, where="x") for text in ("90m", "12h", "30d", "2 w", "0.5d")] == [
        5400,
        43_200,
        30 * 86_400,
        14 * 86_400,
        43_200,
    ]
    for text in ("30", "d", "30s", "-1d"):
        with pytest.raises(InvalidValue, match="30d"):
            parse_age(text, where="--older-than")


def test_the_limit_is_the_callers_or_the_variable_s_or_a_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """50 GiB where nobody says otherwise, and half of a smaller disk; `none` is no limit."""
    monkeypatch.delenv("MODELVER_CACHE_SIZE", raising=False)
    half = shutil.disk_usage(tmp_path).total // 2
    assert cache_limit(None, tmp_path / "missing") == min(DEFAULT, half)
    monkeypatch.setenv("MODELVER_CACHE_SIZE", "2GiB")
    assert cache_limit(None, tmp_path) == 2 * 2**30
    assert cache_limit("1kB", tmp_path) == 1000
    assert cache_limit(0, tmp_path) == 0
    assert cache_limit("none", tmp_path) is None
    monkeypatch.setenv("MODELVER_CACHE_SIZE", "much")
    with pytest.raises(InvalidValue, match="MODELVER_CACHE_SIZE"):
        cache_limit(None, tmp_path)


def test_each_file_counts_once(machine: Machine) -> None:
    """A blob and the versions that share it are one file; names outside of the cache are told apart."""
    first = machine.load(big(b"a"), big(b"b"))
    machine.load(big(b"a"), big(b"c"))
    found = survey(machine.cache)
    assert (found.size, found.shared) == (6 * MB, 0)
    assert [version.size for version in found.versions] == [4 * MB, 4 * MB]
    assert len(found.blobs) == 3
    os.link(first / "1.bin", machine.cache.parent / "elsewhere")
    found = survey(machine.cache)
    assert (found.size, found.shared) == (4 * MB, 2 * MB)


def test_the_least_recently_used_goes_first(machine: Machine) -> None:
    """With the blobs that nothing else names; what a later version shares stays, and is not fetched again."""
    folders = [machine.load(big(b"s"), big(letter)) for letter in (b"a", b"b", b"c")]
    for folder, age in zip(folders, (200, 300, 100), strict=True):
        used(folder, age)
    pruned = machine.keeper.prune(Wish(limit=7 * MB))
    assert removed(pruned, "version") == [folders[1]]
    assert removed(pruned, "blob") == [machine.blobs.path(Digest.of(big(b"b")))]
    assert pruned.size == survey(machine.cache).size == 6 * MB
    pruned = machine.keeper.prune(Wish(limit=5 * MB))
    assert removed(pruned, "version") == [folders[0]]
    assert content(folders[2]) == [big(b"s"), big(b"c")]
    before = machine.store.reads()
    machine.load(big(b"s"), big(b"b"))
    new = machine.store.reads() - before
    assert [key.rpartition("/")[2] for key in new] == [Digest.of(big(b"b")).hex]


def test_a_use_makes_it_the_last_to_go(machine: Machine) -> None:
    """Loading again notes the time, at most once a minute."""
    old = machine.load(big(b"a"))
    new = machine.load(big(b"b"))
    used(old, 3000)
    used(new, 2000)
    machine.load(big(b"a"))
    noted = old.stat().st_mtime_ns
    assert noted > new.stat().st_mtime_ns
    machine.load(big(b"a"))
    assert old.stat().st_mtime_ns == noted
    assert removed(machine.keeper.prune(Wish(limit=3 * MB)), "version") == [new]


def test_blobs_that_nothing_names_go_by_age_and_small_ones_last(machine: Machine) -> None:
    """A manifest frees little, and answers while a store is down."""
    for letter in (b"a", b"b"):
        folder = machine.load(big(letter), letter)
        shutil.rmtree(folder)
    old, new, small, other = (
        machine.blobs.path(Digest.of(data)) for data in (big(b"a"), big(b"b"), b"a", b"b")
    )
    os.utime(old, (1, 1))
    os.utime(small, (0, 0))
    assert removed(machine.keeper.prune(Wish(limit=3 * MB)), "blob") == [old]
    assert removed(machine.keeper.prune(Wish(limit=1)), "blob") == [new, small]
    assert other.exists()


def test_the_manifest_of_a_version_stays_with_it(machine: Machine) -> None:
    """It goes when the version goes."""
    folder, held = machine.held(big(b"a"))
    machine.blobs.keep(machine.wanted(big(b"a")).digest, lambda: b"\0".join([big(b"a")]))
    manifest = machine.blobs.path(machine.wanted(big(b"a")).digest)
    assert manifest.exists()
    machine.keeper.prune(ALL)
    assert manifest.exists()
    assert folder.exists()
    del held
    machine.keeper.prune(ALL)
    assert not manifest.exists()


def test_the_limit_holds_after_each_load(tmp_path: Path, private_cache: Path) -> None:
    """The version that was just loaded stays, even where it alone is larger than the limit."""
    machine = Machine(AfarStore(tmp_path / "store"), private_cache, limit=5 * MB)
    first = machine.load(big(b"a"))
    second = machine.load(big(b"b"))
    used(first, 100)
    third = machine.load(big(b"c"))
    assert [path.exists() for path in (first, second, third)] == [False, True, True]
    large = machine.load(big(b"d") * 3)
    assert [path.exists() for path in (second, third, large)] == [False, False, True]
    assert content(large) == [big(b"d") * 3]
    assert survey(machine.cache).size == 6 * MB


def test_a_load_that_adds_nothing_looks_at_nothing(tmp_path: Path, private_cache: Path) -> None:
    """The cleaner's lock isn't even opened."""
    machine = Machine(AfarStore(tmp_path / "store"), private_cache, limit=1)
    machine.load(big(b"a"))
    (private_cache / "locks" / "keeper").unlink()
    machine.load(big(b"a"))
    assert not (private_cache / "locks" / "keeper").exists()


def test_what_is_old_can_go(machine: Machine) -> None:
    """By its last use, whatever the size; a dry run only tells."""
    old = machine.load(big(b"a"))
    new = machine.load(big(b"b"))
    used(old, 1000)
    wish = Wish(older_ns=time.time_ns() - 500 * 10**9, dry_run=True)
    told = machine.keeper.prune(wish)
    assert old.exists()
    assert told.size == 2 * MB
    done = machine.keeper.prune(Wish(older_ns=wish.older_ns))
    assert (done.removed, done.size) == (told.removed, told.size)
    assert (old.exists(), new.exists()) == (False, True)


def test_downloads_that_were_broken_off_go_after_a_day(machine: Machine) -> None:
    """Unless they are under way."""
    folder = machine.cache / "blobs" / "partial"
    folder.mkdir(parents=True)
    names = [letter * 64 for letter in "abc"]
    for name in names:
        (folder / name).write_bytes(b"beginning")
        os.utime(folder / name, (1, 1))
    os.utime(folder / names[0])
    with advisory_lock(machine.cache / "locks" / f"blob-{names[1]}", 0):
        machine.keeper.prune(Wish(limit=10**12))
    assert sorted(path.name for path in folder.iterdir()) == names[:2]


def test_locks_of_what_is_gone_go_after_a_day(machine: Machine) -> None:
    """Unless they are held; else a cache of a few versions has one for each file that ever was in it."""
    locks = machine.cache / "locks"
    machine.load(big(b"a"), b"small")
    machine.keeper.prune(ALL)
    gone = {path.name for path in locks.iterdir()} - {"keeper"}
    assert {name.partition("-")[0] for name in gone} == {"blob", "version"}
    machine.load(big(b"b"))
    young = {path.name for path in locks.iterdir()} - gone
    machine.keeper.prune(Wish(limit=10**12))
    assert gone < {path.name for path in locks.iterdir()}, "somebody may be about to take them"
    for path in locks.iterdir():
        os.utime(path, (1, 1))
    held = min(gone)
    with advisory_lock(locks / held, 0):
        machine.keeper.prune(Wish(limit=10**12))
    assert {path.name for path in locks.iterdir()} == {held, *young}


def test_all_is_all_but_memory_of_logs(machine: Machine) -> None:
    """Versions, blobs, downloads and what was read of registries; what rollbacks are noticed by stays."""
    machine.load(big(b"a"), b"small")
    log = machine.cache / "registries" / ("0" * 32) / "models" / "a" / "log"
    log.mkdir(parents=True)
    (log / "1.json").write_text("{}")
    (machine.cache / "heads.sqlite3").touch()
    machine.keeper.prune(Wish(limit=0))
    assert (log / "1.json").exists()
    pruned = machine.keeper.prune(ALL)
    assert pruned.size == survey(machine.cache).size == 0
    assert not log.exists()
    assert (machine.cache / "heads.sqlite3").exists()


def test_versions_of_a_registry_on_this_disk_are_left_by_the_limit(machine: Machine, tmp_path: Path) -> None:
    """Their files are the registry's own: removing them would free nothing."""
    folder = machine.load(big(b"a"))
    machine.blobs.path(Digest.of(big(b"a"))).rename(tmp_path / "the registry's")
    assert machine.keeper.prune(Wish(limit=0)).removed == ()
    assert folder.exists()
    machine.keeper.prune(ALL)
    assert not folder.exists()
    assert (tmp_path / "the registry's").read_bytes() == big(b"a")


def test_a_new_name_leaves_stamps_right(machine: Machine) -> None:
    """A second version that shares a blob changes its ctime; neither is read again for that."""
    data = b"x" * WORTH_WAITING
    machine.load(data, b"1")
    machine.load(data, b"2")
    machine.load(data, b"1")
    assert machine.read < 10


def test_a_lost_name_leaves_stamps_right(machine: Machine) -> None:
    """So does the removal of one; what has gone is forgotten."""
    data, own = b"x" * WORTH_WAITING, b"y" * WORTH_WAITING
    first = machine.load(data, own)
    stamp = Stamp.of((first / "1.bin").stat())
    assert machine.stamps.find_ignoring_ctime(stamp)
    used(first, 100)
    second = machine.load(data, b"2")
    assert removed(machine.keeper.prune(Wish(limit=20 * MB)), "version") == [first]
    machine.load(data, b"2")
    assert machine.read < 10
    assert second.exists()
    assert machine.stamps.find_ignoring_ctime(stamp) is None


def test_what_this_process_holds_stays(machine: Machine) -> None:
    """For as long as the object lives; a copy that was pickled holds it too."""
    folder, held = machine.held(big(b"a"))
    copy = pickle.loads(pickle.dumps(held))  # noqa: S301 (our own)
    assert in_use(folder)
    assert machine.keeper.prune(ALL).in_use == (folder,)
    assert machine.keeper.prune(Wish(everything=True, dry_run=True)).in_use == (folder,)
    del held
    assert in_use(folder)
    del copy
    assert not in_use(folder)
    assert removed(machine.keeper.prune(ALL), "version") == [folder]
    assert hold(folder) is None


def test_a_version_that_is_loaded_while_it_is_to_go_stays(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long the cleaner looks up what is known of its files, nobody is handed a folder that then goes."""
    monkeypatch.setattr(holding, "_PATIENCE", 0.05)
    looks, loaded = threading.Event(), threading.Event()

    class Slow(StampCache):
        def find_many(
            self, stamps: Iterable[Stamp], *, ignore_ctime: bool = False
        ) -> dict[Stamp, Remembered]:
            looks.set()
            assert loaded.wait(60)
            return super().find_many(stamps, ignore_ctime=ignore_ctime)

    machine.load(big(b"a"))
    with ThreadPoolExecutor(1) as pool:
        cleaning = pool.submit(Keeper(machine.cache, None, Slow(machine.cache)).prune, ALL)
        assert looks.wait(60)
        folder, held = machine.held(big(b"a"))
        loaded.set()
        assert cleaning.result(60).in_use == (folder,)
    assert held is not None
    assert content(folder) == [big(b"a")]


def test_many_loads_take_one_descriptor(machine: Machine) -> None:
    """A process may load a version as often as it likes."""
    before = resources.descriptors()
    held = [machine.held(b"a")[1] for _ in range(20)]
    assert len({id(each) for each in held}) == 1
    new = [name for _, name in resources.descriptors() - before if name.startswith(str(machine.cache))]
    assert len(new) == 1


def start(machine: Machine, work: str, *arguments: object) -> subprocess.Popen[str]:
    """Start a process that works with the machine's cache."""
    code = "import sys; from tests.content.afar import main; main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:])"
    store = str(machine.store.url)
    command = [sys.executable, "-c", code, work, store, str(machine.cache), *map(str, arguments)]
    root = Path(__file__).resolve().parents[2]
    return subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True)


def test_what_another_process_holds_stays_until_it_dies(machine: Machine) -> None:
    """Killed holders hold nothing."""
    other = start(machine, "hold", 1)
    assert other.stdout
    folder = Path(other.stdout.readline().strip())
    assert machine.keeper.prune(ALL).in_use == (folder,)
    assert content(folder) == list(files_of(1))
    other.send_signal(signal.SIGKILL)
    other.communicate()
    assert removed(machine.keeper.prune(ALL), "version") == [folder]


def test_a_forked_child_holds_what_its_parent_loaded(machine: Machine) -> None:
    """The parent may let go of it, and so may the child, without taking it from the other."""
    folder, held = machine.held(big(b"a"))
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(tell)
        os.read(told, 1)
        os._exit(0)
    os.close(told)
    del held
    stays = machine.keeper.prune(ALL).in_use
    os.close(tell)
    os.waitpid(child, 0)
    assert stays == (folder,)
    folder, held = machine.held(big(b"b"))
    child = os.fork()
    if child == 0:
        del held
        os._exit(0)
    os.waitpid(child, 0)
    assert in_use(folder)


def test_what_is_being_laid_out_stays(machine: Machine) -> None:
    """Whoever holds a version's lock is about to use it."""
    folder = machine.load(big(b"a"))
    with advisory_lock(machine.cache / "locks" / f"version-{folder.name}", 0):
        assert machine.keeper.prune(ALL).in_use == (folder,)
    assert folder.exists()


def test_one_process_at_a_time_cleans(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A load goes on without; by hand it is a conflict."""
    keeper = Keeper(machine.cache, 0, machine.stamps)
    folder = machine.load(big(b"a"))
    monkeypatch.setattr("modelver.content.keeping.keeper._PATIENCE", 0.1)
    with advisory_lock(machine.cache / "locks" / "keeper", 0):
        keeper.enforce(machine.cache)
        with pytest.raises(Conflict, match="another process"):
            keeper.prune(ALL)
    assert folder.exists()


@pytest.mark.parametrize("age", [10, 100_000])
def test_without_locks_age_tells(age: int, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where folders can't be locked, what was used within a day counts as in use."""
    monkeypatch.setattr("modelver.storage.lock.fcntl", None)
    folder = machine.load(big(b"a"))
    used(folder, age)
    machine.keeper.prune(Wish(limit=0))
    assert folder.exists() == (age == 10)


def test_an_ordinary_account_cleans_up_too() -> None:
    """Read-only folders of its own can be removed without root's rights, and only by their owner."""
    with ordinary_account() as home:
        machine = Machine(AfarStore(home / "store"), home / "cache")
        folder, held = machine.held(big(b"a"))
        assert machine.keeper.prune(ALL).in_use == (folder,)
        used(folder, 100)
        del held
        machine.load(big(b"a"))
        assert time.time() - folder.stat().st_mtime < 60
        pruned = machine.keeper.prune(ALL)
        assert removed(pruned, "version") == [folder]
        assert survey(machine.cache).size == 0
        folder = machine.load(big(b"a"))
        folder.parent.chmod(0o500)
        assert removed(machine.keeper.prune(ALL), "version") == []
        assert content(folder) == [big(b"a")]
        folder.parent.chmod(0o700)


def test_six_processes_fetch_each_blob_once(machine: Machine) -> None:
    """However many load a version at once, and two versions that share a blob."""
    for number in range(2):
        machine.load(*files_of(number))
    before = machine.store.reads()
    machine.keeper.prune(ALL)
    workers = [start(machine, "hold", number % 2) for number in range(6)]
    folders = [worker.stdout.readline().strip() for worker in workers if worker.stdout]
    for worker in workers:
        worker.kill()
        worker.communicate()
    assert len(set(folders)) == 2
    assert all(content(Path(folder)) for folder in folders)
    assert (machine.store.reads() - before).total() == 3
    assert set((machine.store.reads() - before).values()) == {1}


def test_nobody_ever_sees_half_a_version(machine: Machine) -> None:
    """Four processes load under a limit that has no room for them all, while one removes everything all the time."""
    workers = [*(start(machine, "load", 4) for _ in range(4)), start(machine, "prune", 4)]
    outputs = [worker.communicate(timeout=240)[0] for worker in workers]
    assert [worker.returncode for worker in workers] == [0] * 5
    assert outputs == ["done\n"] * 5
    machine.keeper.prune(ALL)
    assert survey(machine.cache).size == 0


def victim(tmp_path: Path) -> Path:
    """Return a folder with a file that no cache may touch."""
    folder = tmp_path / "victim"
    folder.mkdir(mode=0o750)
    (folder / "dear").write_bytes(b"dear")
    (folder / "dear").chmod(0o640)
    return folder


def blob_link(machine: Machine, folder: Path, dear: Path) -> None:
    """A link in place of a blob."""
    path = machine.blobs.path(Digest.of(big(b"a")))
    path.unlink()
    path.symlink_to(dear / "dear")


def hard_link(machine: Machine, folder: Path, dear: Path) -> None:
    """Another file's second name in place of a blob."""
    path = machine.blobs.path(Digest.of(big(b"a")))
    path.unlink()
    path.hardlink_to(dear / "dear")


def pipe(machine: Machine, folder: Path, dear: Path) -> None:
    """A pipe in place of a blob."""
    path = machine.blobs.path(Digest.of(big(b"a")))
    path.unlink()
    os.mkfifo(path)


def version_link(machine: Machine, folder: Path, dear: Path) -> None:
    """A link in place of a version's folder."""
    folder.rename(folder.with_name("away"))
    folder.symlink_to(dear)


def version_pipe(machine: Machine, folder: Path, dear: Path) -> None:
    """A pipe in place of a version's folder."""
    folder.rename(folder.with_name("away"))
    os.mkfifo(folder)


def inner_link(machine: Machine, folder: Path, dear: Path) -> None:
    """A link in a version's folder."""
    folder.chmod(0o755)
    (folder / "more").symlink_to(dear)


def group_link(machine: Machine, folder: Path, dear: Path) -> None:
    """A link to a folder that looks like a part of the cache."""
    (dear / folder.name).mkdir()
    (dear / folder.name / "0.bin").write_bytes(b"dear")
    folder.parent.rename(folder.parent.with_name("away"))
    folder.parent.symlink_to(dear)


HOSTILE: list[Callable[[Machine, Path, Path], None]] = [
    blob_link,
    hard_link,
    pipe,
    version_link,
    version_pipe,
    inner_link,
    group_link,
]


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda each: each.__name__)
def test_nothing_is_removed_through_what_others_put_there(
    hostile: Callable[[Machine, Path, Path], None], machine: Machine, tmp_path: Path
) -> None:
    """Removing everything removes names in the cache, and neither bytes nor permissions elsewhere."""
    folder = machine.load(big(b"a"))
    dear = victim(tmp_path)
    hostile(machine, folder, dear)
    before = {path: (path.stat().st_mode, path.read_bytes()) for path in dear.rglob("*") if path.is_file()}
    machine.keeper.prune(Wish(limit=0))
    machine.keeper.prune(ALL)
    assert {path: (path.stat().st_mode, path.read_bytes()) for path in before} == before
    assert dear.stat().st_mode & 0o777 == 0o750
    assert hostile is group_link or not os.path.lexists(folder)
    assert not os.path.lexists(machine.blobs.path(Digest.of(big(b"a"))))


@pytest.mark.parametrize("hostile", HOSTILE[:-1], ids=lambda each: each.__name__)
@pytest.mark.parametrize("private", [True, False])
def test_nothing_that_others_put_there_is_handed_out(
    private: bool, hostile: Callable[[Machine, Path, Path], None], machine: Machine, tmp_path: Path
) -> None:
    """The version is laid out again from the store's bytes, and what is elsewhere stays as it is."""
    folder = machine.load(big(b"a"))
    dear = victim(tmp_path)
    hostile(machine, folder, dear)
    if hostile in {blob_link, hard_link, pipe}:
        folder.chmod(0o755)
        (folder / "0.bin").unlink()
    machine.cache.chmod(0o700 if private else 0o777)
    again = machine.load(big(b"a"))
    assert content(again) == [big(b"a")]
    assert not again.is_symlink()
    assert (dear / "dear").read_bytes() == b"dear"
    assert ((dear / "dear").stat().st_mode & 0o777, dear.stat().st_mode & 0o777) == (0o640, 0o750)

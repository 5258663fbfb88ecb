"""Following an alias in a real registry: swaps, failures, outages, forks and tasks."""

import asyncio
import logging
import os
import shutil
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

import pytest

import modelver as mv
from modelver.content.keeping.cleaning import Wish
from modelver.serving.served import now_serving
from tests.registries import MODEL, objects, publish
from tests.serving.conftest import NEVER, until, until_gone

T = TypeVar("T")
PRODUCTION = f"{MODEL}@production"


class Model:
    """What tests load: the text of the version's file."""

    def __init__(self, files: mv.LoadedModel) -> None:
        self.text = (files / "model.bin").read_text(encoding="utf-8")


def number(served: mv.Served[Model]) -> str:
    """Return a version's number, after checking that model and version belong together."""
    assert served.model.text == served.version.version
    return served.model.text


def move(registry: mv.Registry, version: str, reason: str = "") -> None:
    """Set production."""
    registry.set_alias(MODEL, "production", version, reason=reason)


def test_the_first_version_is_there_when_follow_returns(registry: mv.Registry) -> None:
    """The model is loaded from verified files, and is held together with its version."""
    with registry.follow(PRODUCTION, load=Model) as follower, follower.use() as served:
        assert number(served) == "1.0.0"
        assert served.version == registry.resolve(PRODUCTION)
        assert served.telemetry == served.version.telemetry()
        assert served.telemetry["model.alias"] == "production"


def test_a_reference_that_names_nothing_is_refused_at_once(registry: mv.Registry) -> None:
    """There is nothing to serve, so the caller has to know."""
    with pytest.raises(mv.NotFound, match="no such version or alias"):
        registry.follow(f"{MODEL}@canary", load=Model)
    with pytest.raises(mv.NotFound, match="no such model"):
        registry.follow("nobody@production", load=Model)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"interval": 0}, "not an interval"),
        ({"interval": float("nan")}, "not an interval"),
        ({"swap": "replace"}, "swap"),
        ({"verify": "never"}, "not a way to verify"),
    ],
)
def test_wrong_arguments_are_refused(
    registry: mv.Registry, arguments: dict[str, object], complaint: str
) -> None:
    """Before anything is fetched."""
    with pytest.raises(mv.InvalidValue, match=complaint):
        registry.follow(PRODUCTION, load=Model, **arguments)  # type: ignore[call-overload, arg-type] # wrong on purpose


@pytest.mark.parametrize("swap", ["overlap", "drain"])
def test_a_move_is_followed_and_recorded(registry: mv.Registry, swap: str) -> None:
    """The history says what was swapped, when and why; the callback is told the same."""
    told: list[mv.Change] = []
    with registry.follow(
        PRODUCTION,
        load=Model,
        interval=0.01,
        swap=swap,
        on_change=told.append,  # type: ignore[arg-type] # a literal
    ) as follower:
        move(registry, "1.1.0", "better recall")
        until(lambda: number(follower.current) == "1.1.0", "the promotion")
        registry.rollback(MODEL, "production", reason="f1 dipped")
        until(lambda: number(follower.current) == "1.0.0", "the rollback")
    assert [str(change) for change in follower.history] == [
        f"{PRODUCTION}: 1.0.0 (manual: the first)",
        f"{PRODUCTION}: 1.0.0 → 1.1.0 (manual: better recall)",
        f"{PRODUCTION}: 1.1.0 → 1.0.0 (rollback: f1 dipped)",
    ]
    assert tuple(told) == follower.history
    assert [change.by for change in told] == [registry.actor] * 3
    assert all(change.fetch_seconds > 0 and change.load_seconds > 0 for change in told)
    assert told[1].to_dict()["version"] == "1.1.0"


def test_a_version_is_swapped_in_beside_those_who_use_the_old_one(registry: mv.Registry) -> None:
    """Who began with the old version ends with it, and new requests have the new one."""
    with registry.follow(PRODUCTION, load=Model, interval=NEVER) as follower:
        with follower.use() as old:
            move(registry, "1.1.0")
            in_thread(follower.check_now)
            assert number(old) == "1.0.0"
            assert in_thread(lambda: number(follower.current)) == "1.1.0"
            with follower.use() as inner:
                assert number(inner) == "1.0.0", "one request has one version"
        assert number(follower.current) == "1.1.0"


def in_thread(work: Callable[[], T]) -> T:
    """Return what a function gives in a thread of its own, which uses nothing yet."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()


def test_the_old_model_is_released_when_its_last_user_is_done(registry: mv.Registry) -> None:
    """Not before, and once; nothing keeps the object after that."""
    released: list[str] = []
    with registry.follow(
        PRODUCTION, load=Model, interval=NEVER, release=lambda model: released.append(model.text)
    ) as follower:
        with ExitStack() as users:
            for _ in range(3):
                old = users.enter_context(follower.use()).model
            gone = weakref.ref(old)
            del old
            move(registry, "1.1.0")
            in_thread(follower.check_now)
            assert released == []
        until(lambda: released == ["1.0.0"], "the release")
        until_gone("the old model", gone)
    assert released == ["1.0.0", "1.1.0"]


@pytest.mark.parametrize("swap", ["overlap", "drain"])
def test_a_model_that_fails_its_check_is_released(registry: mv.Registry, swap: str) -> None:
    """It may hold what Python can't free, and is made again at each try."""
    released: list[str] = []
    with registry.follow(
        PRODUCTION,
        load=Model,
        check=lambda model: model.text != "1.1.0",
        interval=NEVER,
        swap=swap,  # type: ignore[arg-type] # a literal
        release=lambda model: released.append(model.text),
    ) as follower:
        move(registry, "1.1.0")
        for _ in range(3):
            assert number(follower.check_now()) == "1.0.0"
        assert released.count("1.1.0") == 3
    assert released.count("1.0.0") == (4 if swap == "drain" else 1)


def test_drain_never_has_two_models_where_a_check_fails(registry: mv.Registry) -> None:
    """What failed is gone before the old one is loaded again: its error doesn't keep it."""
    alive: weakref.WeakSet[Model] = weakref.WeakSet()
    beside: list[int] = []

    def load(files: mv.LoadedModel) -> Model:
        beside.append(len(alive))
        model = Model(files)
        alive.add(model)
        return model

    def check(model: Model) -> bool:
        return model.text != "1.1.0"

    with registry.follow(PRODUCTION, load, check=check, interval=NEVER, swap="drain") as follower:
        move(registry, "1.1.0")
        assert number(follower.check_now()) == "1.0.0"
    assert beside == [0, 0, 0]


def test_drain_never_has_two_models(registry: mv.Registry) -> None:
    """The old one is released before the new one is loaded, and those who come meanwhile wait for the new one."""
    alive: list[Model] = []
    most = 0

    def load(files: mv.LoadedModel) -> Model:
        nonlocal most
        model = Model(files)
        alive.append(model)
        most = max(most, len(alive))
        return model

    with (
        registry.follow(
            PRODUCTION, load=load, interval=NEVER, swap="drain", release=alive.remove
        ) as follower,
        ThreadPoolExecutor(2) as pool,
    ):
        with follower.use() as old:
            move(registry, "1.1.0")
            checking = pool.submit(follower.check_now)
            until(lambda: follower._place.served is None, "the draining")
            waiting = pool.submit(lambda: number(follower.current))
            with follower.use() as inner:  # it would wait for itself
                assert number(inner) == number(old) == "1.0.0"
            assert not waiting.done()
        assert waiting.result() == "1.1.0"
        assert number(checking.result()) == "1.1.0"
        assert most == 1


def test_drain_gives_up_when_somebody_keeps_the_old_model(registry: mv.Registry) -> None:
    """The old one serves on, the failure is told, and a later try succeeds."""
    with registry.follow(
        PRODUCTION, load=Model, interval=NEVER, swap="drain", drain_timeout=0.01
    ) as follower:
        with follower.use():
            move(registry, "1.1.0")
            assert in_thread(lambda: number(follower.check_now())) == "1.0.0"
            assert follower.failing is not None
            assert follower.failing.stage == "drain"
        assert number(follower.check_now()) == "1.1.0"
        assert follower.failing is None


FAULTS = {
    "fetch": "IntegrityError",
    "load": "ValueError: no model",
    "check": "Refused: the check said no",
}


def damage(registry: mv.Registry, root: Path, version: str) -> None:
    """Change a version's weights in the store, behind everybody's back."""
    (entry,) = registry.get(f"{MODEL}:{version}").files
    blob = root / "blobs" / "sha256" / entry.sha256[:2] / entry.sha256
    blob.chmod(0o644)
    blob.write_bytes(b"9.9.9")


@pytest.mark.parametrize("stage", FAULTS)
@pytest.mark.parametrize("swap", ["overlap", "drain"])
def test_a_version_that_can_not_be_served_is_not_swapped_in(
    registry: mv.Registry, tmp_path: Path, stage: str, swap: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The old one serves on; it is reported once, however often it is tried again; the next version is swapped in."""

    def load(files: mv.LoadedModel) -> Model:
        model = Model(files)
        if stage == "load" and model.text == "1.1.0":
            raise ValueError("no model")
        return model

    if stage == "fetch":
        damage(registry, tmp_path / "registry", "1.1.0")
    told: list[mv.Change] = []
    with registry.follow(
        PRODUCTION,
        load=load,
        check=lambda model: stage != "check" or model.text != "1.1.0",
        interval=NEVER,
        swap=swap,  # type: ignore[arg-type] # a literal
        on_change=told.append,
    ) as follower:
        move(registry, "1.1.0")
        with caplog.at_level(logging.WARNING, "modelver"):
            for _ in range(3):
                assert number(follower.check_now()) == "1.0.0"
        assert len([record for record in caplog.records if "was not swapped in" in record.message]) == 1
        assert len(told) == 2
        failure = follower.failing
        assert failure is told[1]
        assert (failure.stage, failure.outcome) == (stage, "failed")
        assert failure.error.startswith(FAULTS[stage])
        assert follower.figures().failures == {stage: 1}
        move(registry, "1.2.0")
        assert number(follower.check_now()) == "1.2.0"
        assert follower.failing is None
        assert follower.figures().swaps == 2


@pytest.mark.parametrize("stage", FAULTS)
def test_a_first_version_that_can_not_be_served_is_an_error(
    registry: mv.Registry, tmp_path: Path, stage: str
) -> None:
    """With the error's own type: there is nothing to serve instead."""

    def load(files: mv.LoadedModel) -> Model:
        if stage == "load":
            raise ValueError("no model")
        return Model(files)

    if stage == "fetch":
        damage(registry, tmp_path / "registry", "1.0.0")
    kinds = {"fetch": mv.IntegrityError, "load": ValueError, "check": mv.Refused}
    with pytest.raises(kinds[stage]):
        registry.follow(PRODUCTION, load=load, check=lambda _: stage != "check")


def test_a_version_that_was_mended_is_swapped_in_by_itself(registry: mv.Registry, tmp_path: Path) -> None:
    """Failures are tried again, ever more seldom."""
    (entry,) = registry.get(f"{MODEL}:1.1.0").files
    blob = tmp_path / "registry" / "blobs" / "sha256" / entry.sha256[:2] / entry.sha256
    damage(registry, tmp_path / "registry", "1.1.0")
    with registry.follow(PRODUCTION, load=Model, interval=0.01) as follower:
        move(registry, "1.1.0")
        until(lambda: follower.failing, "the failure")
        blob.write_bytes(b"1.1.0")
        until(lambda: number(follower.current) == "1.1.0", "the second try")
        until(lambda: follower.failing is None, "the end of the failure")  # a moment after the swap


def test_while_the_registry_is_away_the_version_serves_on_and_its_age_grows(
    registry: mv.Registry, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The outage is told once, and its end."""
    root, away = tmp_path / "registry", tmp_path / "away"
    with registry.follow(PRODUCTION, load=Model, interval=NEVER) as follower:
        follower.check_now()
        before = follower.age
        root.rename(away)
        with caplog.at_level(logging.INFO, "modelver"):
            for _ in range(3):
                assert number(follower.check_now()) == "1.0.0"
            assert follower.age > before
            assert follower.failing is not None
            assert follower.failing.stage == "resolve"
            away.rename(root)
            move(registry, "1.1.0")
            assert number(follower.check_now()) == "1.1.0"
        assert follower.age < NEVER
        said = [record.message for record in caplog.records if "served on" in record.message]
        assert len(said) == 1
        assert any("answers again" in record.message for record in caplog.records)
        assert follower.figures().failures == {"resolve": 1}


def test_a_registry_that_was_put_back_to_an_old_copy_is_told(
    registry: mv.Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It looks like one where nothing happens, and a machine that never saw more may go on with it."""
    root, copy = tmp_path / "registry", tmp_path / "copy"
    shutil.copytree(root, copy)
    monkeypatch.setattr("modelver.log.read.CONFIRM_SECONDS", 0.0)
    with registry.follow(PRODUCTION, load=Model, interval=NEVER) as follower:
        move(registry, "1.1.0")
        assert number(follower.check_now()) == "1.1.0"
        shutil.rmtree(root)
        copy.rename(root)
        move(mv.Registry(root, cache_dir=tmp_path / "of-another-machine"), "1.2.0")
        assert number(follower.check_now()) == "1.1.0"
        assert "restored an old copy" in str(follower.failing)


def test_an_alias_that_was_deleted_leaves_the_version_serving(registry: mv.Registry) -> None:
    """It names nothing to swap to."""
    with registry.follow(PRODUCTION, load=Model, interval=NEVER) as follower:
        registry.delete_alias(MODEL, "production")
        assert number(follower.check_now()) == "1.0.0"
        assert str(follower.failing).startswith(f"what {PRODUCTION} names can't be told: NotFound: ")
        move(registry, "1.2.0")
        assert number(follower.check_now()) == "1.2.0"


def test_a_yanked_version_that_is_served_is_told_of_once(
    registry: mv.Registry, caplog: pytest.LogCaptureFixture
) -> None:
    """Following goes on; what to do about it is for people."""
    with registry.follow(PRODUCTION, load=Model, interval=NEVER) as follower:
        with pytest.warns(UserWarning, match="still what production serves"):
            registry.yank(f"{MODEL}:1.0.0", reason="leaks names")
        for _ in range(2):
            assert number(follower.check_now()) == "1.0.0"
        assert [record.message for record in caplog.records if "yanked" in record.message] == [
            f"{PRODUCTION} names {MODEL}:1.0.0, which was yanked: leaks names"
        ]


def test_latest_and_exact_versions_can_be_followed_too(registry: mv.Registry) -> None:
    """The highest release is followed; a version stays."""
    with (
        registry.follow(f"{MODEL}@latest", load=Model, interval=NEVER) as latest,
        registry.follow(f"{MODEL}:1.1.0", load=Model, interval=NEVER) as exact,
    ):
        publish(registry, b"2.0.0", version="2.0.0", changelog="x")
        assert number(latest.check_now()) == "2.0.0"
        assert number(exact.check_now()) == "1.1.0"
        assert (latest.current.version.alias, exact.current.version.alias) == ("latest", "")


def test_callbacks_that_fail_do_not_stop_the_following(
    registry: mv.Registry, caplog: pytest.LogCaptureFixture
) -> None:
    """Their errors are logged."""

    def fail(_: object) -> None:
        raise RuntimeError("the callback's own")

    with registry.follow(PRODUCTION, load=Model, interval=NEVER, on_change=fail, release=fail) as follower:
        move(registry, "1.1.0")
        assert number(follower.check_now()) == "1.1.0"
        move(registry, "1.2.0")
        assert number(follower.check_now()) == "1.2.0"
    assert {"on_change failed", "release failed"} <= {
        record.message.rpartition(": ")[2] for record in caplog.records
    }


def test_a_closed_follower_says_so_and_those_inside_go_on(registry: mv.Registry) -> None:
    """The model is released when the last one is done."""
    released: list[Model] = []
    follower = registry.follow(PRODUCTION, load=Model, interval=NEVER, release=released.append)
    with follower.use() as served:
        follower.close()
        assert number(served) == "1.0.0"
        with pytest.raises(mv.InvalidValue, match="closed"):
            in_thread(lambda: follower.current)
    assert [model.text for model in released] == ["1.0.0"]


def test_a_follower_that_nobody_holds_ends(registry: mv.Registry) -> None:
    """A cell of a notebook that runs again leaves no thread behind."""
    follower = registry.follow(PRODUCTION, load=Model, interval=NEVER)
    thread = follower._worker._thread
    gone = weakref.ref(follower)
    del follower
    until_gone("the follower", gone)
    until(lambda: not thread.is_alive(), "the thread's end")


def test_inside_of_a_use_everybody_knows_what_answers(registry: mv.Registry) -> None:
    """In this thread or task, and in no other."""
    assert now_serving() is None
    with registry.follow(PRODUCTION, load=Model, interval=NEVER) as follower:
        with follower.use() as served:
            assert now_serving() is served
            assert in_thread(now_serving) is None
        assert now_serving() is None


def test_tasks_each_have_their_own_version(registry: mv.Registry) -> None:
    """Tasks that began before a swap and after it run side by side, each under its own version."""

    async def request(follower: mv.Follower[Model], go: asyncio.Event, begun: asyncio.Event) -> str:
        async with follower.use() as served:
            begun.set()
            await go.wait()
            now = now_serving()
            assert now is served
            return number(served)

    async def main(follower: mv.Follower[Model]) -> list[str]:
        go = asyncio.Event()
        tasks = []
        for version in ("1.0.0", "1.1.0", "1.2.0"):
            move(registry, version)
            await asyncio.to_thread(follower.check_now)
            begun = asyncio.Event()
            tasks.append(asyncio.create_task(request(follower, go, begun)))
            await begun.wait()
        go.set()
        return list(await asyncio.gather(*tasks))

    with registry.follow(PRODUCTION, load=Model, interval=NEVER) as follower:
        assert asyncio.run(main(follower)) == ["1.0.0", "1.1.0", "1.2.0"]


def test_a_drain_does_not_block_the_event_loop(registry: mv.Registry) -> None:
    """`async with` waits for the new model while other tasks run."""
    loading, go = threading.Event(), threading.Event()

    def load(files: mv.LoadedModel) -> Model:
        model = Model(files)
        if model.text == "1.1.0":
            loading.set()
            go.wait()
        return model

    async def main(follower: mv.Follower[Model]) -> str:
        checking = asyncio.create_task(asyncio.to_thread(follower.check_now))
        await asyncio.to_thread(loading.wait)

        async def request() -> str:
            async with follower.use() as served:
                return number(served)

        waiting = asyncio.create_task(request())
        await asyncio.sleep(0.02)
        assert not waiting.done()
        go.set()
        await checking
        return await waiting

    with registry.follow(PRODUCTION, load=load, interval=NEVER, swap="drain") as follower:
        move(registry, "1.1.0")
        assert asyncio.run(main(follower)) == "1.1.0"


@pytest.fixture
def quick_turns() -> Iterator[None]:
    """Have threads take turns more often: one that never waits holds up the others for five milliseconds each time."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(usual / 50)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("quick_turns")
def test_many_threads_never_see_a_model_under_another_version(registry: mv.Registry) -> None:
    """Under 60 swaps, whatever the moment."""
    stop = threading.Event()

    def ask(follower: mv.Follower[Model]) -> int:
        answers = 0
        while not stop.is_set():
            with follower.use() as served:
                number(served)
                assert now_serving() is served
            answers += 1
        return answers

    with (
        registry.follow(PRODUCTION, load=Model, interval=NEVER) as follower,
        ThreadPoolExecutor(4) as pool,
    ):
        asking = [pool.submit(ask, follower) for _ in range(4)]
        try:
            for turn in range(60):
                move(registry, ("1.1.0", "1.2.0", "1.0.0")[turn % 3])
                follower.check_now()
        finally:
            stop.set()
        assert all(each.result() > 0 for each in asking)
        assert follower.figures().swaps == 61


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize("inside", [False, True])
def test_a_forked_child_follows_by_itself(registry: mv.Registry, inside: bool) -> None:
    """As after gunicorn's preload: at once it serves what the parent had, then it follows on; even amid a swap."""
    asked, told = os.pipe()
    with registry.follow(PRODUCTION, load=Model, interval=0.02) as follower, ExitStack() as stack:
        if inside:
            stack.enter_context(follower.use())
            follower._working.acquire()
        child = os.fork()
        if child == 0:
            code = 1
            try:
                assert number(follower.current) == "1.0.0"
                os.write(told, b"1")
                until(lambda: follower.figures().swaps > 1, "the swap in the child")
                code = 0 if in_thread(lambda: number(follower.current)) == "1.1.0" else 2
            finally:
                os._exit(code)
        if inside:
            follower._working.release()
        os.close(told)
        with os.fdopen(asked, "rb") as pipe:
            assert pipe.read(1) == b"1", "the child ended early"
        move(registry, "1.1.0")
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        until(lambda: follower.figures().swaps > 1, "the swap in the parent")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_fork_within_a_use_goes_on_with_its_model(registry: mv.Registry) -> None:
    """In the child, the model is not released under the thread that forked, and is when that is done with it."""
    released: list[str] = []
    with registry.follow(
        PRODUCTION, load=Model, interval=NEVER, release=lambda model: released.append(model.text)
    ) as follower:
        use = follower.use()
        use.__enter__()
        child = os.fork()
        if child == 0:
            code = 1
            try:
                move(registry, "1.1.0")
                in_thread(follower.check_now)
                code = 2 if released else 3
                use.__exit__()
                until(lambda: released == ["1.0.0"], "the release in the child")
                code = 0 if code == 3 else code
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        use.__exit__()


def test_it_displays_itself(registry: mv.Registry) -> None:
    """In a terminal and in a notebook, hostile reasons too."""
    with registry.follow(PRODUCTION, load=Model, interval=NEVER) as follower:
        move(registry, "1.1.0", "<script>alert(1)</script>")
        follower.check_now()
        assert repr(follower) == f"Follower('{PRODUCTION}', serving 1.1.0)"
        assert "<script>" not in follower._repr_html_()
        assert "1.0.0 → 1.1.0" in follower._repr_html_()


def test_a_folder_that_is_served_is_not_pruned(registry: mv.Registry) -> None:
    """A model may read its files for as long as it is served."""
    with registry.follow(PRODUCTION, load=lambda files: files.path, interval=NEVER) as follower:
        registry._session.keeper.prune(Wish(limit=0))
        assert (follower.current.model / "model.bin").read_text() == "1.0.0"


def test_files_that_vanish_from_the_cache_are_made_again(registry: mv.Registry) -> None:
    """Going back to a version whose folder was removed fetches it again."""
    with registry.follow(PRODUCTION, load=Model, interval=NEVER) as follower:
        folder = registry.load(PRODUCTION).path
        move(registry, "1.1.0")
        follower.check_now()
        for place in (folder, *folder.rglob("*")):
            place.chmod(0o700)
        shutil.rmtree(folder)
        move(registry, "1.0.0")
        assert number(follower.check_now()) == "1.0.0"


def test_following_writes_nothing_into_the_registry(registry: mv.Registry, tmp_path: Path) -> None:
    """A reader with no right to write may follow."""
    before = objects(tmp_path / "registry")
    with registry.follow(PRODUCTION, load=Model, interval=NEVER) as follower:
        follower.check_now()
    assert objects(tmp_path / "registry") == before

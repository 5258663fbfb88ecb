"""What a follower survives: panics, callbacks that end or ask too much, signals, and requests that use two models."""

import asyncio
import logging
import signal
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from datetime import UTC, datetime
from functools import partial
from types import FrameType
from typing import NoReturn

import pytest

import modelver as mv
from modelver.serving.served import now_serving
from modelver.serving.troubles import Troubles
from tests.registries import MODEL
from tests.serving.conftest import NEVER, PATIENCE, until, until_gone
from tests.serving.test_follower import PRODUCTION, Model, in_thread, move, number

_SOON = 0.02


class Panic(BaseException):
    """What PyO3 raises where Rust panics: no `Exception`."""


def moved(follower: mv.Follower[Model], version: str) -> bool:
    """Tell whether a version is served."""
    served = follower.serving
    return served is not None and served.version.version == version


def number_of(change: mv.Change) -> str:
    """Return the version that a change is about."""
    return str(change.version.version) if change.version else ""


@pytest.mark.parametrize("swap", ["overlap", "drain"])
def test_a_panic_in_load_is_a_failure_like_any_other(registry: mv.Registry, swap: str) -> None:
    """The old version serves on, and the next one is followed: the thread lives."""

    def load(files: mv.LoadedModel) -> Model:
        if files.version == "1.1.0":
            raise Panic("called `Option::unwrap()` on a `None` value")
        return Model(files)

    with registry.follow(PRODUCTION, load=load, interval=_SOON, swap=swap) as follower:  # type: ignore[arg-type]
        move(registry, "1.1.0")
        until(lambda: follower.failing, "the failure")
        until(lambda: moved(follower, "1.0.0"), "serving on")
        assert follower.failing is not None
        assert follower.failing.error.startswith("Panic: called")
        move(registry, "1.2.0")
        until(lambda: moved(follower, "1.2.0"), "the swap")


class Speechless(Exception):
    """An error whose text is a fault of its own."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


def test_an_error_without_words_is_a_failure_like_any_other(registry: mv.Registry) -> None:
    """Else it would be reported by nobody, and the version be loaded again at each look."""

    def load(files: mv.LoadedModel) -> Model:
        if files.version == "1.1.0":
            raise Speechless
        return Model(files)

    with registry.follow(PRODUCTION, load=load, interval=NEVER) as follower:
        move(registry, "1.1.0")
        assert number(follower.check_now()) == "1.0.0"
        assert follower.failing is not None
        assert follower.failing.error == "Speechless"


@pytest.mark.parametrize("error", [SystemExit, Panic, asyncio.CancelledError])
def test_callbacks_that_end_their_thread_do_not_stop_the_following(
    registry: mv.Registry, caplog: pytest.LogCaptureFixture, error: type[BaseException]
) -> None:
    """Whatever they raise."""

    def fail(_: object) -> NoReturn:
        raise error

    with registry.follow(PRODUCTION, load=Model, interval=_SOON, on_change=fail, release=fail) as follower:
        for version in ("1.1.0", "1.2.0", "1.0.0"):
            move(registry, version)
            until(partial(moved, follower, version), "the swap")
    assert {"on_change failed", "release failed"} <= {
        record.message.rpartition(": ")[2] for record in caplog.records if record.levelno == logging.ERROR
    }


def test_a_callback_may_ask_what_is_served_between_two_models(registry: mv.Registry) -> None:
    """It learns what serves on; it does not wait for what comes after it."""

    def load(files: mv.LoadedModel) -> Model:
        if files.version == "1.1.0":
            raise ValueError("no model")
        return Model(files)

    seen: list[str] = []
    followers: list[mv.Follower[Model]] = []

    def tell(change: mv.Change) -> None:
        if change.previous:
            seen.append(number(followers[0].current))
            seen.append(number(followers[0].check_now()))

    with registry.follow(PRODUCTION, load=load, interval=NEVER, swap="drain", on_change=tell) as follower:
        followers.append(follower)
        move(registry, "1.1.0")
        assert in_thread(lambda: number(follower.check_now())) == "1.0.0"
        assert seen == ["1.0.0", "1.0.0"]


def test_load_can_not_wait_for_itself(registry: mv.Registry) -> None:
    """With one model at a time there is none while the next one is loaded: that is said."""
    followers: list[mv.Follower[Model]] = []

    def load(files: mv.LoadedModel) -> Model:
        if files.version == "1.1.0":
            return followers[0].current.model
        return Model(files)

    with registry.follow(PRODUCTION, load=load, interval=NEVER, swap="drain") as follower:
        followers.append(follower)
        move(registry, "1.1.0")
        assert in_thread(lambda: number(follower.check_now())) == "1.0.0"
        assert follower.failing is not None
        assert "no model between two" in follower.failing.error


def test_a_callback_may_close_the_follower_while_the_thread_waits(registry: mv.Registry) -> None:
    """Neither waits for the other."""
    followers: list[mv.Follower[Model]] = []

    def tell(change: mv.Change) -> None:
        if change.previous:
            follower = followers[0]
            follower._due = 0.0
            follower._worker.wake()
            time.sleep(0.05)  # now the thread waits for who is here
            follower.close()

    follower = registry.follow(PRODUCTION, load=Model, interval=NEVER, on_change=tell)
    followers.append(follower)
    move(registry, "1.1.0")
    with pytest.raises(mv.InvalidValue, match="closed"):
        in_thread(follower.check_now)
    until(lambda: not follower._worker._thread.is_alive(), "the thread's end")


def test_uses_may_end_in_the_order_in_which_they_began(registry: mv.Registry) -> None:
    """As those of generators do: afterwards nothing answers here, and the next use gets what is in the place."""

    def stream() -> Iterator[mv.Served[Model]]:
        with follower.use() as served:
            yield served
            yield served

    with registry.follow(PRODUCTION, load=Model, interval=NEVER) as follower:
        first, second = stream(), stream()
        old = [number(next(first)), number(next(second))]
        first.close()
        answering = now_serving()
        assert answering is not None
        assert str(answering.version.version) == "1.0.0"
        second.close()
        assert old == ["1.0.0", "1.0.0"]
        assert now_serving() is None
        held = in_thread(lambda: follower.use().__enter__())  # somebody else goes on with the old one
        move(registry, "1.1.0")
        follower.check_now()
        with follower.use() as served:
            assert number(served) == "1.1.0"
        assert number(held) == "1.0.0"


def test_a_use_within_a_use_takes_nothing_from_the_outer_one(registry: mv.Registry) -> None:
    """Whatever ends first, who is still inside of one has its model, and who inherited it too."""
    with (
        registry.follow(PRODUCTION, load=Model, interval=NEVER) as follower,
        registry.follow(f"{MODEL}@latest", load=Model, interval=NEVER) as other,
    ):
        outer, inner, third = follower.use(), follower.use(), other.use()
        for use in (outer, inner, third):
            use.__enter__()
        inherited = copy_context()
        inner.__exit__()
        third.__exit__()
        answering = now_serving()
        assert answering is not None
        assert str(answering.version.version) == "1.0.0"
        move(registry, "1.1.0")
        in_thread(follower.check_now)

        def again() -> str:
            with follower.use() as served:
                return number(served)

        assert (again(), inherited.run(again)) == ("1.0.0", "1.0.0")
        outer.__exit__()
        assert (again(), inherited.run(again), now_serving()) == ("1.1.0", "1.1.0", None)


def test_closing_need_not_wait_for_a_load_that_hangs(registry: mv.Registry) -> None:
    """What it makes in the end is released, and never served."""
    begun, go_on = threading.Event(), threading.Event()
    released: list[str] = []

    def load(files: mv.LoadedModel) -> Model:
        if files.version == "1.1.0":
            begun.set()
            assert go_on.wait(PATIENCE)
        return Model(files)

    follower = registry.follow(
        PRODUCTION, load, interval=0.01, release=lambda model: released.append(model.text)
    )
    move(registry, "1.1.0")
    assert begun.wait(PATIENCE)
    follower.close(timeout=0.01)
    assert released == ["1.0.0"]
    assert follower.serving is None
    go_on.set()
    until(lambda: released == ["1.0.0", "1.1.0"], "the release of the late one")
    with pytest.raises(mv.InvalidValue, match="closed"):
        follower.check_now()
    assert [number_of(change) for change in follower.history] == ["1.0.0"]
    assert released == ["1.0.0", "1.1.0"]


def test_a_model_that_comes_back_after_the_end_is_released(registry: mv.Registry) -> None:
    """Where nobody waited at the end for the old model to be loaded again, it goes when it is there."""
    begun, go_on = threading.Event(), threading.Event()
    loads: list[str] = []
    released: list[str] = []

    def load(files: mv.LoadedModel) -> Model:
        loads.append(str(files.version))
        if files.version == "1.1.0":
            raise MemoryError("the device is full")
        if "1.1.0" in loads:
            begun.set()
            assert go_on.wait(PATIENCE)
        return Model(files)

    follower = registry.follow(
        PRODUCTION, load, interval=0.01, swap="drain", release=lambda model: released.append(model.text)
    )
    move(registry, "1.1.0")
    assert begun.wait(PATIENCE)
    follower.close(timeout=0.01)
    go_on.set()
    until(lambda: released == ["1.0.0", "1.0.0"], "the release of the late one")
    assert follower.serving is None


def test_who_asks_while_a_try_fails_has_it_tried_again(registry: mv.Registry) -> None:
    """What failed may be mended by the time that somebody asks, so what goes on already is no answer."""
    begun, go_on = threading.Event(), threading.Event()
    tries: list[str] = []

    def load(files: mv.LoadedModel) -> Model:
        tries.append(str(files.version))
        if tries == ["1.0.0", "1.1.0"]:
            begun.set()
            assert go_on.wait(PATIENCE)
            raise ValueError("no model")
        return Model(files)

    with (
        registry.follow(PRODUCTION, load=load, interval=NEVER) as follower,
        ThreadPoolExecutor(2) as pool,
    ):
        move(registry, "1.1.0")
        pool.submit(follower.check_now)
        assert begun.wait(PATIENCE)
        asked = pool.submit(follower.check_now)
        time.sleep(0.1)
        go_on.set()
        assert number(asked.result(PATIENCE)) == "1.1.0"


def test_what_fails_can_be_asked_for_while_that_changes() -> None:
    """A scrape of metrics looks while the following thread finds trouble and gets over it."""
    troubles = Troubles(1.0)
    change = mv.Change(datetime.now(UTC), PRODUCTION, "failed", stage="resolve")

    def meanwhile(frame: FrameType, event: str, _: object) -> Callable[..., object] | None:
        if frame.f_code.co_name != "last":
            return None
        frame.f_trace_opcodes = True
        if event == "opcode" and not troubles.end("resolve"):
            troubles.meet(change, None)
        return meanwhile

    before = sys.gettrace()
    sys.settrace(meanwhile)
    try:
        seen = [troubles.last for _ in range(2)]
    finally:
        sys.settrace(before)
    assert set(seen) <= {change, None}


def test_what_people_wrote_forges_no_lines_of_a_log(
    registry: mv.Registry, caplog: pytest.LogCaptureFixture
) -> None:
    """A reason is whatever somebody typed."""
    hostile = "x\nWARNING production is 6.6.6\x1b[2K"
    with (
        caplog.at_level(logging.INFO, "modelver"),
        registry.follow(PRODUCTION, load=Model, interval=NEVER) as follower,
    ):
        registry.set_alias(MODEL, "production", "1.1.0", reason=hostile)
        assert number(follower.check_now()) == "1.1.0"
        with pytest.warns(UserWarning, match="still what production serves"):
            registry.yank(f"{MODEL}:1.1.0", reason=hostile)
        follower.check_now()
    said = [record.getMessage() for record in caplog.records if "6.6.6" in record.getMessage()]
    assert len(said) == 2
    assert all(text.isprintable() for text in said)


def test_an_empty_place_is_filled_while_the_registry_is_away(registry: mv.Registry) -> None:
    """The old model could not be loaded at once; then nothing could be asked: it comes back all the same."""
    loads: list[str] = []

    def load(files: mv.LoadedModel) -> Model:
        loads.append(str(files.version))
        if files.version == "1.1.0" or loads == ["1.0.0", "1.1.0", "1.0.0"]:
            raise MemoryError("the device is full")
        return Model(files)

    with registry.follow(PRODUCTION, load=load, interval=NEVER, swap="drain") as follower:
        move(registry, "1.1.0")
        follower._tick()
        assert follower.serving is None
        registry.delete_alias(MODEL, "production")
        follower._tick()
        assert moved(follower, "1.0.0")


@pytest.mark.parametrize("swap", ["overlap", "drain"])
def test_a_request_that_uses_two_models_has_one_version_of_each(registry: mv.Registry, swap: str) -> None:
    """Also where it comes back to the first one from within the second."""
    registry.register(
        "acme/other", {"model.bin": b"1.0.0"}, version="1.0.0", aliases=["production"], capture=False
    )
    with (
        registry.follow(PRODUCTION, load=Model, interval=NEVER, swap=swap, drain_timeout=5.0) as first,  # type: ignore[arg-type]
        registry.follow("acme/other@production", load=Model, interval=NEVER) as second,
    ):
        swapping: Future[object] = Future()
        thread = threading.Thread(target=lambda: swapping.set_result(first.check_now()))
        with first.use() as outer:
            move(registry, "1.1.0")
            with second.use():
                thread.start()
                until(lambda: not moved(first, "1.0.0"), "the swap's beginning")
                with first.use() as inner:
                    assert inner is outer
                    assert now_serving() is outer
            if swap == "overlap":
                assert swapping.result(PATIENCE)
        assert swapping.result(PATIENCE)
        thread.join()


def test_a_task_that_lives_for_ever_keeps_no_model(registry: mv.Registry) -> None:
    """It was begun while a request was answered, and inherits what answers; the model goes all the same."""

    async def main() -> None:
        seen, tasks = [], []
        with registry.follow(PRODUCTION, load=Model, interval=NEVER) as follower:
            for version in ("1.1.0", "1.2.0", "1.0.0"):
                async with follower.use() as served:
                    seen.append(weakref.ref(served.model))
                    tasks.append(asyncio.create_task(asyncio.sleep(NEVER)))
                del served
                move(registry, version)
                await asyncio.to_thread(follower.check_now)
            until_gone("the models", *seen)
        for task in tasks:
            task.cancel()

    asyncio.run(main())


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such timers")
def test_a_signal_handler_may_use_the_model(registry: mv.Registry) -> None:
    """Even where it comes in the middle of a use's beginning or end."""
    with registry.follow(PRODUCTION, load=Model, interval=NEVER) as follower:
        handled: list[str] = []

        def handle(*_: object) -> None:
            with follower.use() as served:
                handled.append(number(served))

        before = signal.signal(signal.SIGALRM, handle)
        signal.setitimer(signal.ITIMER_REAL, 0.005, 0.005)
        try:
            end = time.monotonic() + 1
            while time.monotonic() < end:
                with follower.use() as served:
                    assert number(served) == "1.0.0"
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        assert set(handled) == {"1.0.0"}


@pytest.mark.parametrize("patience", [float("inf"), 1e300])
def test_drain_may_wait_for_as_long_as_it_takes(registry: mv.Registry, patience: float) -> None:
    """The new model is not loaded beside the old one."""
    with registry.follow(
        PRODUCTION, load=Model, interval=1e300, swap="drain", drain_timeout=patience
    ) as follower:
        move(registry, "1.1.0")
        with follower.use():
            thread = threading.Thread(target=follower.check_now)
            thread.start()
            until(lambda: follower.serving is None, "the drain")
            thread.join(0.1)
            assert follower.serving is None
        thread.join()
        assert moved(follower, "1.1.0")
        assert follower._worker._thread.is_alive()

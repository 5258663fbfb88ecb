"""Log records name the version that answers, and no other one, whatever is swapped meanwhile."""

import asyncio
import io
import json
import logging
import logging.handlers
import queue
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import structlog

import modelver as mv
from tests.registries import MODEL
from tests.serving.conftest import until
from tests.serving.telemetry.support import following, move, swapping

FIELDS = ("model_name", "model_version", "model_digest", "model_alias", "model_external_facing")


class JsonFormatter(logging.Formatter):
    """Write a record as JSON, with all that was added to it, as such formatters do."""

    known = frozenset(logging.makeLogRecord({}).__dict__)

    def format(self, record: logging.LogRecord) -> str:
        """Write a record."""
        added = {key: value for key, value in record.__dict__.items() if key not in self.known}
        return json.dumps({"message": record.getMessage(), **added})


@pytest.fixture
def lines() -> io.StringIO:
    """Give the place that `logger` writes to."""
    return io.StringIO()


@pytest.fixture
def logger(lines: io.StringIO) -> Iterator[logging.Logger]:
    """Give a logger whose one handler adds the version and writes JSON."""
    handler = logging.StreamHandler(lines)
    handler.addFilter(mv.VersionFilter())
    handler.setFormatter(JsonFormatter())
    logger = logging.getLogger("tests.telemetry")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield logger
    logger.removeHandler(handler)


def records(lines: io.StringIO) -> list[dict[str, object]]:
    """Return what was written."""
    return [json.loads(line) for line in lines.getvalue().splitlines()]


def test_a_record_names_the_version_that_answers(
    registry: mv.Registry, logger: logging.Logger, lines: io.StringIO
) -> None:
    """Within a use it has the version that the use began with; outside of one the fields are there and empty."""
    with following(registry) as follower:
        logger.info("before")
        with follower.use() as served:
            move(registry, follower, "1.1.0")
            logger.getChild("child").info("within")
        with follower.use():
            logger.info("again")
    before, within, again = records(lines)
    assert {field: before[field] for field in FIELDS} == dict.fromkeys(FIELDS, "")
    assert {field: within[field] for field in FIELDS} == {
        "model_name": MODEL,
        "model_version": "1.0.0",
        "model_digest": str(served.version.digest),
        "model_alias": "production",
        "model_external_facing": False,
    }
    assert again["model_version"] == "1.1.0"


def test_a_format_may_always_name_the_fields(lines: io.StringIO) -> None:
    """A format string with all of the fields works where no model is used."""
    handler = logging.StreamHandler(lines)
    handler.addFilter(mv.VersionFilter())
    handler.setFormatter(logging.Formatter(" ".join(f"%({field})s" for field in FIELDS) + "%(message)s"))
    handler.handle(logging.makeLogRecord({"msg": "said"}))
    assert lines.getvalue().strip() == "said"


def test_what_the_caller_said_is_kept(
    registry: mv.Registry, logger: logging.Logger, lines: io.StringIO
) -> None:
    """Fields that a record has already are its own."""
    with following(registry) as follower, follower.use():
        logger.info("said", extra={"model_name": "mine"})
    assert records(lines)[0]["model_name"] == "mine"
    assert records(lines)[0]["model_version"] == "1.0.0"


def test_a_queue_carries_the_version_of_the_thread_that_logged(
    registry: mv.Registry, logger: logging.Logger, lines: io.StringIO
) -> None:
    """The listener's thread, with a filter of its own, doesn't change what the QueueHandler's filter added."""
    waiting: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    sender = logging.handlers.QueueHandler(waiting)
    sender.addFilter(mv.VersionFilter())
    listener = logging.handlers.QueueListener(waiting, logger.handlers[0])
    with following(registry) as follower, follower.use():
        sender.handle(logging.makeLogRecord({"msg": "said"}))
    listener.start()
    listener.stop()
    assert records(lines)[0]["model_version"] == "1.0.0"


def test_threads_and_tasks_are_never_mislabelled(
    registry: mv.Registry, logger: logging.Logger, lines: io.StringIO
) -> None:
    """While versions are swapped as fast as they go, what each thread and task logs names what it uses."""
    rounds = 0
    with following(registry) as follower, swapping(registry, follower):

        def in_a_thread(_: int) -> None:
            with follower.use() as served:
                logger.info("%s", served.model)
            logger.info("")

        async def in_a_task() -> None:
            async with follower.use() as served:
                await asyncio.sleep(0)
                logger.info("%s", served.model)
                await asyncio.to_thread(logger.info, "%s", served.model)
            logger.info("")

        async def tasks() -> None:
            for _ in range(10):
                await asyncio.gather(*(in_a_task() for _ in range(20)))

        def swapped() -> bool:
            nonlocal rounds
            rounds += 1
            with ThreadPoolExecutor(4) as pool:
                done = [pool.submit(in_a_thread, number) for number in range(500)]
                asyncio.run(tasks())
                for each in done:
                    each.result()
            return len({line["model_version"] for line in records(lines)}) > 2

        until(swapped, "a swap between the records")
    found = records(lines)
    assert len(found) == rounds * (500 * 2 + 200 * 3)
    assert [line for line in found if line["model_version"] != line["message"]] == []


def test_other_threads_are_not_labelled(
    registry: mv.Registry, logger: logging.Logger, lines: io.StringIO
) -> None:
    """A thread that was started within a use has not begun one: its records are empty, not wrong."""
    with following(registry) as follower, follower.use():
        thread = threading.Thread(target=logger.info, args=("said",))
        thread.start()
        thread.join()
    assert records(lines)[0]["model_version"] == ""


def test_structlog_gets_the_same_fields(registry: mv.Registry) -> None:
    """The processor adds them within a use, adds nothing outside of one, and keeps what the event has."""
    lines = io.StringIO()
    log = structlog.wrap_logger(
        structlog.PrintLogger(lines), processors=[mv.add_version, structlog.processors.JSONRenderer()]
    )
    with following(registry) as follower:
        log.info("before")
        with follower.use():
            move(registry, follower, "1.2.0")
            log.info("within", model_alias="mine")
    before, within = records(lines)
    assert before == {"event": "before"}
    assert set(within) == {"event", *FIELDS}
    assert (within["model_version"], within["model_alias"]) == ("1.0.0", "mine")


def test_structlog_is_never_mislabelled(registry: mv.Registry) -> None:
    """Through structlog too, each thread's events name what it uses while versions are swapped."""
    lines = io.StringIO()
    log = structlog.wrap_logger(
        structlog.PrintLogger(lines), processors=[mv.add_version, structlog.processors.JSONRenderer()]
    )
    with following(registry) as follower, swapping(registry, follower):

        def work(_: int) -> None:
            with follower.use() as served:
                log.info(served.model)

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(work, range(500)))
    assert len(records(lines)) == 500
    assert all(line["model_version"] == line["event"] for line in records(lines))

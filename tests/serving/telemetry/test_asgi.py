"""Under ASGI a response's header names the version that computed it, wherever in the request that was."""

import asyncio
import weakref
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fastapi import BackgroundTasks, FastAPI
from fastapi.responses import FileResponse, PlainTextResponse, StreamingResponse

import modelver as mv
from tests.registries import MODEL
from tests.serving.conftest import NEVER, until, until_gone
from tests.serving.telemetry.servers import get, uvicorn_of
from tests.serving.telemetry.support import following, move, swapping


def application(follower: mv.Follower[str], other: mv.Follower[str], folder: Path, **options: Any) -> FastAPI:
    """Return an application that answers with the number of the version that it used, each path in its own way."""
    app = FastAPI(default_response_class=PlainTextResponse)
    app.add_middleware(mv.ASGIVersionHeaders, **options)
    _add_plain(app, follower, other)
    _add_streams(app, follower)
    _add_others(app, follower, folder)
    return app


def _add_plain(app: FastAPI, follower: mv.Follower[str], other: mv.Follower[str]) -> None:
    @app.get("/sync")
    def sync() -> str:
        with follower.use() as served:
            return served.model

    @app.get("/async")
    async def in_a_task() -> str:
        async with follower.use() as served:
            return served.model

    @app.get("/deep")
    async def deep() -> str:
        return (await asyncio.gather(asyncio.create_task(in_a_task()), asyncio.to_thread(sync)))[0]

    @app.get("/both")
    def both() -> str:
        with follower.use() as served, other.use() as second:
            return f"{served.model}, {second.model}"


def _add_streams(app: FastAPI, follower: mv.Follower[str]) -> None:
    def parts() -> Iterator[str]:
        with follower.use() as served:
            yield served.model
            yield " and more"

    @app.get("/stream")
    def stream() -> StreamingResponse:
        return StreamingResponse(parts())

    @app.get("/async-stream")
    async def async_stream() -> StreamingResponse:
        async def texts() -> AsyncIterator[str]:
            async with follower.use() as served:
                yield served.model
                await asyncio.sleep(0)
                assert mv.now_serving() is served
                yield " and more"

        return StreamingResponse(texts())

    @app.get("/fails-late")
    def fails_late() -> StreamingResponse:
        def texts() -> Iterator[str]:
            with follower.use():
                raise RuntimeError("as it should")
            yield ""

        return StreamingResponse(texts())


def _add_others(app: FastAPI, follower: mv.Follower[str], folder: Path) -> None:
    (folder / "file").write_text("a file")

    @app.get("/none")
    def none() -> PlainTextResponse:
        return PlainTextResponse("none", headers={"X-Model-Version": "upstream's"})

    @app.get("/own")
    def own() -> PlainTextResponse:
        with follower.use():
            return PlainTextResponse("own", headers={"X-Model-Version": "mine"})

    @app.get("/fails")
    def fails() -> str:
        with follower.use():
            raise RuntimeError("as it should")

    @app.get("/background")
    def background(tasks: BackgroundTasks) -> str:
        tasks.add_task(follower.use().__enter__)
        return "later"

    @app.get("/file")
    def file() -> FileResponse:
        return FileResponse(folder / "file")


@pytest.fixture
def follower(registry: mv.Registry) -> Iterator[mv.Follower[str]]:
    """Follow production."""
    with following(registry) as follower:
        yield follower


@pytest.fixture
def app(registry: mv.Registry, follower: mv.Follower[str], tmp_path: Path) -> Iterator[FastAPI]:
    """Give the application; its other model has no alias."""
    with registry.follow(f"{MODEL}:1.2.0", lambda files: (files / "model.bin").read_text()) as other:
        yield application(follower, other, tmp_path)


@pytest.mark.parametrize("path", ["/sync", "/async", "/deep"])
def test_the_version_is_named_wherever_it_was_used(
    app: FastAPI, follower: mv.Follower[str], path: str
) -> None:
    """A use in a thread or a task of the request is seen, and all four fields are there."""
    with uvicorn_of(app) as port:
        answer = get(port, path)
    assert (answer.status, answer.text) == (200, "1.0.0")
    assert answer.model == {
        "name": MODEL,
        "version": "1.0.0",
        "digest": str(follower.current.version.digest),
        "alias": "production",
    }


@pytest.mark.parametrize("path", ["/stream", "/async-stream"])
def test_a_stream_that_begins_its_use_late_is_named(app: FastAPI, path: str) -> None:
    """The header waits for the first part of the body."""
    with uvicorn_of(app) as port:
        answer = get(port, path)
    assert (answer.text, answer.model["version"]) == ("1.0.0 and more", "1.0.0")


def test_a_stream_need_not_be_waited_for(
    registry: mv.Registry, follower: mv.Follower[str], tmp_path: Path
) -> None:
    """With wait=False the header goes out at once, without a version that is used later."""
    app = application(follower, follower, tmp_path, wait=False)
    with uvicorn_of(app) as port:
        assert get(port, "/stream").model == {}
        assert get(port, "/sync").model["version"] == "1.0.0"


def test_several_versions_are_all_named(app: FastAPI) -> None:
    """Each field lists them in the order of their first use; a dash stands for no alias."""
    with uvicorn_of(app) as port:
        answer = get(port, "/both")
    assert answer.model["version"] == answer.text == "1.0.0, 1.2.0"
    assert answer.model["alias"] == "production, -"
    assert answer.model["name"] == f"{MODEL}, {MODEL}"


def test_no_use_no_fields(app: FastAPI) -> None:
    """Without a use nothing is added, and what the application says itself, say of another server, passes."""
    with uvicorn_of(app) as port:
        assert get(port, "/none").model == {"version": "upstream's"}
        assert get(port, "/background").model == {}
        assert get(port, "/file").body == b"a file"


def test_what_was_used_wins(app: FastAPI) -> None:
    """A field that the application sets is replaced where a version was used."""
    with uvicorn_of(app) as port:
        assert get(port, "/own").model["version"] == "1.0.0"


def test_errors_pass(app: FastAPI) -> None:
    """An error is the server's to answer, even one in a stream, as long as nothing was sent."""
    with uvicorn_of(app) as port:
        assert get(port, "/fails").status == 500
        assert get(port, "/fails-late").status == 500


def test_another_name_for_a_field(registry: mv.Registry, follower: mv.Follower[str], tmp_path: Path) -> None:
    """Names can be chosen, and keys left out."""
    headers = {"model.version": "X-Served-By", "model.external_facing": "X-Outside"}
    with uvicorn_of(application(follower, follower, tmp_path, headers=headers)) as port:
        answer = get(port, "/sync")
    assert answer.model == {}
    assert ("x-served-by", "1.0.0") in answer.header
    assert ("x-outside", "false") in answer.header


@pytest.mark.parametrize(
    "headers",
    [{"model.version": "X-Model: 1\r\nSet-Cookie"}, {"model.version": ""}, {"version": "X-Model"}],
    ids=["injection", "empty", "unknown key"],
)
def test_a_name_that_is_none_is_refused(headers: dict[str, str]) -> None:
    """What can't be a header's name, or is no key of telemetry, is an error at once."""
    with pytest.raises(mv.InvalidValue):
        mv.ASGIVersionHeaders(application, headers=headers)  # type: ignore[arg-type] # never called


def test_no_answer_is_mislabelled_while_versions_are_swapped(
    app: FastAPI, registry: mv.Registry, follower: mv.Follower[str]
) -> None:
    """Each of many answers at a time names the version that its body came from; two uses side by side are both named."""
    paths = ["/sync", "/async", "/deep", "/stream", "/async-stream"] * 30
    wrong, seen = [], set()
    with uvicorn_of(app) as port, swapping(registry, follower), ThreadPoolExecutor(4) as pool:

        def swapped() -> bool:
            for path, answer in zip(paths, pool.map(lambda path: get(port, path), paths), strict=True):
                versions, said = answer.model["version"].split(", "), answer.text.removesuffix(" and more")
                seen.add(said)
                if said not in versions or (len(versions) > 1 and path != "/deep"):
                    wrong.append((path, answer.text, versions))
            return len(seen) > 1

        until(swapped, "a swap between the requests")
    assert wrong == []


def test_what_is_only_looked_at_is_not_named(registry: mv.Registry, follower: mv.Follower[str]) -> None:
    """Reading `current`, or having the follower look, computes no answer: no field names what was seen."""

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        body = follower.current.model + follower.check_now().model
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body.encode()})

    with uvicorn_of(mv.ASGIVersionHeaders(app)) as port:
        answer = get(port, "/")
    assert (answer.text, answer.model) == ("1.0.01.0.0", {})


def test_a_websocket_passes() -> None:
    """What is no HTTP is the application's own: same scope, same way to send."""
    seen: list[object] = []

    async def app(*arguments: object) -> None:
        seen.extend(arguments)

    async def receive() -> dict[str, object]:
        return {}

    async def send(message: object) -> None:
        """Take nothing."""

    scope: dict[str, object] = {"type": "websocket"}
    asyncio.run(mv.ASGIVersionHeaders(app)(scope, receive, send))
    assert [seen[0] is scope, seen[1] is receive, seen[2] is send] == [True, True, True]


def test_a_stream_does_not_hold_what_was_swapped_out(
    registry: mv.Registry, follower: mv.Follower[str]
) -> None:
    """A request that uses one version after another keeps none of their models."""

    class Model:
        """Something that can be referred to weakly."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        with registry.follow(f"{MODEL}@production", lambda _: Model(), interval=NEVER) as mine:
            with mine.use() as served:
                old = weakref.ref(served.model)
                del served
            move(registry, follower, "1.1.0")
            mine.check_now()
            mine.check_now()  # what was swapped out is let go when the follower next looks
            until_gone("the old model", old)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"done"})

    with uvicorn_of(mv.ASGIVersionHeaders(app)) as port:
        assert get(port, "/").model["version"] == "1.0.0"

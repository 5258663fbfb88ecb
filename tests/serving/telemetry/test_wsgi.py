"""Under WSGI a response's header names the version that computed it; checked by the reference server and validator."""

import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from wsgiref.util import FileWrapper

import pytest

import modelver as mv
from modelver.serving.handover import Handover
from modelver.serving.served import Served
from modelver.serving.use import Use
from tests.serving.conftest import until
from tests.serving.telemetry.servers import Answer, get, wsgiref_of
from tests.serving.telemetry.support import following, swapping

PLAIN = [("Content-Type", "text/plain")]


class Parts:
    """A body in parts that has to be closed."""

    closed = 0

    def __init__(self, parts: Iterable[bytes]) -> None:
        self._parts = iter(parts)

    def __iter__(self) -> Iterator[bytes]:
        return self._parts

    def close(self) -> None:
        """Note it."""
        Parts.closed += 1


def application(follower: mv.Follower[str]) -> Any:
    """Return an application that answers with the number of the version that it used, each path in its own way."""

    def parts() -> Iterator[bytes]:
        with follower.use() as served:
            yield served.model.encode()
            yield b" and more"

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == "/generator":
            return generator(start_response)
        if path == "/replaced":
            start_response("200 OK", PLAIN)
            try:
                raise RuntimeError("as it should")  # noqa: TRY301 (what an application does that fails late)
            except RuntimeError:
                start_response("500 Failed", PLAIN, sys.exc_info())
                return [b"failed"]
        write = start_response("200 OK", [*PLAIN, ("X-Model-Version", "mine")])
        if path == "/fails":
            with follower.use():
                raise RuntimeError("as it should")
        if path == "/write":
            with follower.use() as served:
                write(served.model.encode())
            return []
        if path == "/list":
            with follower.use() as served:
                return [served.model.encode()]
        return Parts(parts() if path == "/parts" else [])

    def generator(start_response: Any) -> Iterator[bytes]:
        with follower.use() as served:
            start_response("200 OK", PLAIN)
            yield served.model.encode()

    return app


@pytest.fixture
def follower(registry: mv.Registry) -> Iterator[mv.Follower[str]]:
    """Follow production."""
    with following(registry) as follower:
        yield follower


@pytest.mark.parametrize(
    ("path", "body"),
    [("/list", "1.0.0"), ("/parts", "1.0.0 and more"), ("/generator", "1.0.0"), ("/write", "1.0.0")],
)
def test_the_version_is_named_however_the_body_is_made(
    follower: mv.Follower[str], path: str, body: str
) -> None:
    """In a list, in parts, by a generator or by write(): what was used before the first part is named."""
    with wsgiref_of(mv.WSGIVersionHeaders(application(follower))) as port:
        answer = get(port, path)
    assert (answer.status, answer.text) == (200, body)
    assert answer.model["version"] == "1.0.0"
    assert set(answer.model) == {"name", "version", "digest", "alias"}


def test_no_use_no_fields(follower: mv.Follower[str]) -> None:
    """An answer that used no version passes as it is; an empty one in parts too."""
    before = Parts.closed
    with wsgiref_of(mv.WSGIVersionHeaders(application(follower))) as port:
        assert get(port, "/empty").model == {"version": "mine"}
    assert Parts.closed == before + 1


def test_errors_pass(follower: mv.Follower[str]) -> None:
    """An error before the first part is the server's to answer; one that the application answers is sent."""
    with wsgiref_of(mv.WSGIVersionHeaders(application(follower)), checked=False) as port:
        assert get(port, "/replaced").text == "failed"
    with pytest.raises(RuntimeError, match="as it should"):
        mv.WSGIVersionHeaders(application(follower))({"PATH_INFO": "/fails"}, lambda *_: print)


def test_an_error_after_the_start_goes_to_the_server(follower: mv.Follower[str]) -> None:
    """Once the start was sent, the server is told of the error, and raises it."""

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", PLAIN)
        yield b"first"
        try:
            raise RuntimeError("as it should")  # noqa: TRY301 (as above)
        except RuntimeError:
            start_response("500 Failed", PLAIN, sys.exc_info())

    calls: list[tuple[Any, ...]] = []

    def start_response(*arguments: Any) -> Any:
        calls.append(arguments)

    assert list(mv.WSGIVersionHeaders(app)({}, start_response)) == [b"first"]
    assert [call[0] for call in calls] == ["200 OK", "500 Failed"]
    assert calls[1][2][0] is RuntimeError


def test_a_file_stays_one(tmp_path: Any) -> None:
    """What a server can send as a file reaches it as one."""
    (tmp_path / "file").write_bytes(b"a file")

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", PLAIN)
        return environ["wsgi.file_wrapper"]((tmp_path / "file").open("rb"))

    started: list[str] = []
    environ: dict[str, object] = {"wsgi.file_wrapper": FileWrapper}
    body = mv.WSGIVersionHeaders(app)(environ, lambda status, *_: started.append(status) or print)  # type: ignore[func-returns-value] # one line
    assert isinstance(body, FileWrapper)
    body.close()
    assert started == ["200 OK"]


def test_no_answer_is_mislabelled_while_versions_are_swapped(
    registry: mv.Registry, follower: mv.Follower[str]
) -> None:
    """Each answer names the version that its body came from."""
    paths = ["/list", "/parts", "/generator"] * 50
    app = mv.WSGIVersionHeaders(application(follower))
    answers: list[Answer] = []
    with wsgiref_of(app) as port, swapping(registry, follower), ThreadPoolExecutor(4) as pool:

        def swapped() -> bool:
            answers.extend(pool.map(lambda path: get(port, path), paths))
            return len({answer.model["version"] for answer in answers}) > 1

        until(swapped, "a swap between the requests")
    assert all(answer.text.startswith(answer.model["version"]) for answer in answers)


def test_hostile_values_are_escaped() -> None:
    """Names and versions can't hold such things; if they did, they could not end a line or begin a list."""
    hostile = {
        "model.name": "evil\r\nSet-Cookie: a=b",
        "model.version": "1.0.0+build, 2.0.0",
        "model.digest": "sha256:\x00é€",
        "model.alias": "",
        "model.external_facing": False,
    }
    place: Handover[str] = Handover(lambda: None)
    place.put(Served("hostile", None, hostile))  # type: ignore[arg-type] # no version is asked for

    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", PLAIN)
        with Use(place) as served:
            return [served.model.encode()]

    with wsgiref_of(mv.WSGIVersionHeaders(app)) as port:
        answer = get(port, "/")
    assert answer.model == {
        "name": "evil%0D%0ASet-Cookie:%20a%3Db",
        "version": "1.0.0+build%2C%202.0.0",
        "digest": "sha256:%00%C3%A9%E2%82%AC",
    }
    assert not any(name == "set-cookie" for name, _ in answer.header)

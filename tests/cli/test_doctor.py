"""`doctor` and `init`, and how any verb is told to reach a store."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import click
import pytest

from modelver.cli.main import modelver
from modelver.cli.options import Before
from modelver.cli.storage_options import VARIABLE, from_environment, make_storage_option, merged
from modelver.errors import ModelverError
from modelver.registry.checking import diagnosing
from modelver.storage import trials
from modelver.storage.memory import MemoryStore
from modelver.storage.store import Store
from modelver.values.canonical import Json
from tests.cli.support import Run
from tests.contracts.bad_stores import IgnoredCondition, RacyCreate

if TYPE_CHECKING:
    from tests.servers.seaweedfs import SeaweedFS

SECRET = "hunter2"  # noqa: S105 (none)


class SlowToForget(MemoryStore):
    """Deletes nothing."""

    def delete(self, key: str) -> None:
        """Say that it is done."""


class BreaksOff(MemoryStore):
    """Has no room for anything large."""

    def upload(self, key: str, size: int) -> Any:
        """Take only small things."""
        self._refuse(key, size)
        return super().upload(key, size)

    def put_blob(self, key: str, data: bytes) -> None:
        """Take only small things."""
        self._refuse(key, len(data))
        super().put_blob(key, data)

    def _refuse(self, key: str, size: int) -> None:
        if size > 2**20:
            raise ModelverError("no room", where=key)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure with a smaller object, and race less."""
    monkeypatch.setattr(trials, "_ROUNDS", 2)
    monkeypatch.setattr(diagnosing.diagnose, "__kwdefaults__", {**KEYWORDS, "size": 5 * 2**20})


KEYWORDS = dict(diagnosing.diagnose.__kwdefaults__ or {})


def opened(monkeypatch: pytest.MonkeyPatch, store: Store) -> None:
    """Have the doctor examine a store of ours."""
    monkeypatch.setattr(diagnosing, "open_store", lambda *_, **__: store)


def options(*values: str) -> dict[str, Any]:
    """Return what `--storage-option` makes of some values."""
    command = click.Command("x", params=[make_storage_option("before")])
    arguments = [part for value in values for part in ("--storage-option", value)]
    found: dict[str, Any] = command.make_context("x", arguments).params["storage_options"]
    return found


def test_a_folder_is_examined(run: Run, tmp_path: Path, small: None) -> None:
    """Every check, times and throughput are shown; a folder that was not there is not left behind."""
    done = run("doctor", tmp_path / "new")
    assert done.stdout.startswith(f"{tmp_path / 'new'}\nIt is fit for a registry.\n")
    for shown in ("double create", "racing creates", "median ms", "MB/s up", "promised"):
        assert shown in done.stdout
    assert not (tmp_path / "new").exists()


def test_the_registry_is_examined_without_a_trace(
    run: Run, fraud: str, registry_path: Path, small: None
) -> None:
    """Without a URL it is the registry that is named elsewhere; its objects stay as they were."""
    before = {path: path.stat().st_mtime_ns for path in registry_path.rglob("*") if path.is_file()}
    answer = run("doctor", "--json").json
    assert answer["store"] == str(registry_path)
    assert answer["ok"] is True
    assert {check["verdict"] for check in answer["checks"]} == {"good"}
    assert answer["throughput"]["size"] == 5 * 2**20
    assert answer["guarantees"]["exclusive_create"] is True
    assert {path: path.stat().st_mtime_ns for path in registry_path.rglob("*") if path.is_file()} == before
    assert not (registry_path / "probes").exists()


@pytest.mark.parametrize("bad", [RacyCreate, IgnoredCondition])
def test_a_bad_store_fails_the_check(
    run: Run, bad: type[MemoryStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The exit code is 1, the faults are shown, and nothing large is sent to such a store."""
    opened(monkeypatch, bad(uuid4().hex))
    done = run("doctor", code=1)
    assert "It is not fit for a registry" in done.stdout
    assert "fault" in done.stdout
    assert "MB/s" not in done.stdout
    answer = run("doctor", "--json", code=1).json
    assert answer["ok"] is False
    assert answer["throughput"] is None


def test_what_can_not_be_deleted_is_not_sent(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a large object would stay, its way is not timed."""
    opened(monkeypatch, SlowToForget(uuid4().hex))
    assert run("doctor", "--json", code=1).json["throughput"] is None


def test_a_large_object_that_fails_is_a_fault(run: Run, monkeypatch: pytest.MonkeyPatch, small: None) -> None:
    """What has no room for an object of that size has none for models."""
    opened(monkeypatch, BreaksOff(uuid4().hex))
    checks = run("doctor", "--json", code=1).json["checks"]
    assert checks[-1]["check"] == "throughput"
    assert "no room" in checks[-1]["seen"]


def test_what_is_no_store_is_an_error(run: Run, tmp_path: Path) -> None:
    """A kind that can't be a registry, and a place that can't be opened, exit as for every verb."""
    assert "not a kind of store" in run("doctor", "ftp://host/models", code=8).stderr
    (tmp_path / "file").write_text("")
    run("doctor", tmp_path / "file", code=8)


def test_a_server_is_examined(
    run: Run, seaweedfs: "SeaweedFS", small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bucket is made a registry and examined, reached by options and the environment; no secret is shown."""
    url, given = seaweedfs.fresh()
    endpoint = f"endpoint_url={given['endpoint_url']}"
    monkeypatch.setenv(VARIABLE, json.dumps({**given, "endpoint_url": "http://127.0.0.1:9"}))
    run("init", url, "--storage-option", endpoint)
    done = run("--storage-option", endpoint, "--registry", url, "doctor", "--json")
    assert done.json["store"] == url
    assert done.json["throughput"]["upload"] > 0
    assert str(given["secret"]) not in done.stdout + done.stderr
    run("--storage-option", endpoint, "--registry", url, "verify")


def test_init_makes_a_registry_once(run: Run, tmp_path: Path) -> None:
    """The first time it is made, later it is there; the id stays, and is all that stdout gets."""
    place = tmp_path / "models"
    first = run("init", place)
    assert first.stderr == f"Made a registry in {place}\n"
    founding = json.loads((place / "modelver.json").read_bytes())
    assert first.stdout.strip() == founding["body"]["registry"]
    second = run("init", place)
    assert second.stderr == f"There is a registry already in {place}\n"
    assert second.stdout == first.stdout
    assert run("init", place, "--json").json == {
        "registry": str(place),
        "id": first.stdout.strip(),
        "created": False,
    }


def test_init_without_a_url_takes_the_usual_registry(run: Run, registry_path: Path, tmp_path: Path) -> None:
    """`--registry`, else the environment; a URL wins."""
    assert run("init", "--json").json["registry"] == str(registry_path)
    assert run("--registry", tmp_path / "a", "init", "--json").json["registry"] == str(tmp_path / "a")
    named = run("init", tmp_path / "b", "--registry", tmp_path / "a", "--json").json
    assert named == {"registry": str(tmp_path / "b"), "id": named["id"], "created": True}


def test_a_registry_without_its_founding_file_is_not_made_again(
    run: Run, fraud: str, registry_path: Path
) -> None:
    """With another founding file nobody could read it again."""
    (registry_path / "modelver.json").unlink()
    assert "founding file is missing" in run("init", code=7).stderr


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("anon=true", {"anon": True}),
        ("key=minio", {"key": "minio"}),
        ("key=a=b", {"key": "a=b"}),
        ("port=22", {"port": 22}),
        ('key="22"', {"key": "22"}),
        ("key=NaN", {"key": "NaN"}),
        ("key=-Infinity", {"key": "-Infinity"}),
        ("key=", {"key": ""}),
        ("client_kwargs.endpoint_url=http://[::1]:1", {"client_kwargs": {"endpoint_url": "http://[::1]:1"}}),
        ('config_kwargs={"a": {"b": [1]}}', {"config_kwargs": {"a": {"b": [1]}}}),
        ("a=[" + "[" * 100_000, {"a": "[" + "[" * 100_000}),
    ],
)
def test_a_value_is_json_or_text(given: str, meant: Mapping[str, object]) -> None:
    """What reads as JSON is JSON, and dots in the key nest."""
    assert options(given) == meant


def test_options_of_one_folder_stand_together() -> None:
    """Several dotted keys, and an object that they go on with, make one object."""
    assert options("a.b.c=1", "a.b.d=2", 'e={"f": 1}', "e.g=2") == {
        "a": {"b": {"c": 1, "d": 2}},
        "e": {"f": 1, "g": 2},
    }


@pytest.mark.parametrize(
    "given",
    [
        [SECRET],
        [f"={SECRET}"],
        [f".a={SECRET}"],
        [f"a..b={SECRET}"],
        [f"a={SECRET}", f"a={SECRET}"],
        [f"a={SECRET}", f"a.b={SECRET}"],
        [f"a.b={SECRET}", f"a={SECRET}"],
    ],
    ids=len,
)
def test_a_malformed_option_is_refused_and_not_shown(run: Run, given: list[str]) -> None:
    """It may be a secret, wherever in the text that is."""
    arguments = [part for value in given for part in ("--storage-option", value)]
    for line in (["list", *arguments], [*arguments, "list"]):
        done = run(*line, "--json", code=2)
        assert SECRET not in done.stdout + done.stderr
        assert "--storage-option" in done.stderr


@pytest.mark.parametrize("text", [SECRET, "[1]", '"a"', "{", "null"])
def test_a_malformed_environment_is_refused_and_not_shown(
    run: Run, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is no JSON object is wrong usage."""
    monkeypatch.setenv(VARIABLE, text)
    done = run("list", "--registry", "s3://bucket/models", "--json", code=2)
    assert f"${VARIABLE} is not a JSON object" in done.stderr
    assert SECRET not in done.stdout + done.stderr


def test_the_nearer_option_counts() -> None:
    """After the verb, before the verb, the environment: in this order, setting by setting."""
    environment = from_environment({VARIABLE: '{"key": "a", "client_kwargs": {"x": 1, "y": 1}}'})
    given: dict[str, Json] = {"client_kwargs": {"y": 2}, "secret": "b"}
    assert merged(environment, given) == {"key": "a", "client_kwargs": {"x": 1, "y": 2}, "secret": "b"}
    assert merged({"a": 1}, {"a": {"b": 2}}) == {"a": {"b": 2}}
    assert environment["client_kwargs"] == {"x": 1, "y": 1}
    assert from_environment({}) == from_environment({VARIABLE: " "}) == {}


def test_the_environment_is_for_remote_stores(run: Run, fraud: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder takes no options: those in the environment don't disturb it, given ones are refused."""
    monkeypatch.setenv(VARIABLE, '{"key": "a"}')
    run("list")
    run("init", f"memory://{uuid4().hex}")
    for line in (
        ["list", "--storage-option", f"key={SECRET}"],
        ["--storage-option", f"key={SECRET}", "list"],
    ):
        done = run(*line, code=2)
        assert "this store takes no options" in done.stderr
        assert SECRET not in done.stderr


def test_options_reach_the_registry(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was given on either side of the verb and in the environment is what the registry is opened with."""
    seen: dict[str, object] = {}

    class Opened(Exception):
        pass

    def open_registry(url: str, *, storage_options: Mapping[str, object]) -> None:
        seen.update(storage_options, url=url)
        raise Opened

    monkeypatch.setattr("modelver.registry.Registry", open_registry)
    monkeypatch.setenv(VARIABLE, '{"a": 1, "b": 1, "c": 1}')
    line = ["--storage-option", "b=2", "--storage-option", "c=2", "list", "--registry", "s3://x/y"]
    with (
        pytest.raises(Opened),
        modelver.make_context("modelver", [*line, "--storage-option", "c=3"]) as context,
    ):
        modelver.invoke(context)
    assert seen == {"a": 1, "b": 2, "c": 3, "url": "s3://x/y"}


def test_a_verb_works_without_the_group() -> None:
    """What was said before the verb is nothing then."""
    assert Before() == (None, {})


@pytest.mark.parametrize("verb", ["doctor", "init", "list", "verify"])
def test_offline_a_store_is_not_asked(run: Run, monkeypatch: pytest.MonkeyPatch, verb: str) -> None:
    """By whatever verb; and the message says that this was wished."""
    monkeypatch.setenv("MODELVER_OFFLINE", "1")
    done = run("--registry", "s3://bucket/models", verb, code=8)
    assert "modelver is offline: s3://bucket/models" in done.stderr
    assert "unset" in done.stderr
    run("--registry", "models", "init")

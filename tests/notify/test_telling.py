"""What is committed is told: to whom the local configuration names, once, and without keeping anybody."""

import logging
import shutil
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType

import pytest

import modelver as mv
from modelver.history.commit import seal, unseal
from modelver.notify.background import background
from modelver.notify.delivery import Patience
from modelver.notify.happening import happenings
from modelver.notify.message import MAX_NOTES
from modelver.notify.target import Target
from modelver.publish.audiences import AUDIENCES
from modelver.registry.base.session import Session
from modelver.registry.notices import announcing, notifying, saying, telling
from modelver.registry.notices.announcing import start_key
from modelver.registry.notices.notifying import Asked, notify
from modelver.registry.notices.recipients import is_own
from modelver.storage import lock
from modelver.storage.layout import blob_key
from modelver.values.reading import Breach, RuleAnswer
from tests import resources
from tests.notify.conftest import Configure, settled
from tests.notify.receiver import OTHER_SECRET, PATIENCE, SECRET, Receiver, deaf_port
from tests.registries import MODEL, publish


@pytest.mark.usefixtures("versions")
def test_a_promotion_is_told_with_its_release_notes(
    registry: mv.Registry, receiver: Receiver, configure: Configure
) -> None:
    """Signed, with what moved, who moved it and why, and what changed."""
    registry.set_alias(MODEL, "production", "1.0.0")
    configure(receiver.url)
    moved = registry_again(registry).promote(f"{MODEL}:1.1.0", to="production", reason="passed review")
    assert settled()
    (request,) = receiver.received
    event = request.verified()
    assert (event["type"], event["subject"]) == ("dev.modelver.alias.promoted", f"{MODEL}@production")
    assert request.headers["Content-Type"] == "application/cloudevents+json; charset=utf-8"
    assert event["id"] == request.headers["webhook-id"]
    change = registry.history(MODEL, alias="production")[-1]
    assert event["time"].startswith(f"{change.at:%Y-%m-%dT%H:%M:%S}")
    data = event["data"]
    notes = data.pop("notes")
    assert data == {
        "model": MODEL,
        "version": "1.1.0",
        "digest": str(moved.version.digest),
        "commit": change.generation,
        "audience": "product",
        "alias": "production",
        "previous": "1.0.0",
        "cause": "promote",
        "by": "jane@example.org",
        "reason": "passed review",
    }
    assert (notes["from"], notes["to"], notes["format"]) == ("1.0.0", "1.1.0", "text/markdown")
    assert notes["text"] == str(registry.release_notes(f"{MODEL}:1.0.0", f"{MODEL}:1.1.0"))


@pytest.mark.usefixtures("versions")
def test_each_kind_of_event_is_told(registry: mv.Registry, receiver: Receiver, configure: Configure) -> None:
    """Moves of aliases by any verb, rollbacks, yanks, rejections; and nothing else."""
    configure(receiver.url)
    registry = registry_again(registry)
    publish(registry, b"3", aliases=["staging"], changelog="Faster.")
    registry.set_alias(MODEL, "production", "1.1.0")
    registry.promote(f"{MODEL}:1.2.0", to="production")
    registry.rollback(MODEL, "production", reason="f1 dipped")
    registry.record_metrics(f"{MODEL}:1.2.0", {"f1": 0.5})
    registry.annotate(f"{MODEL}:1.2.0", "a note")
    registry.approve(f"{MODEL}:1.1.0", role="legal")
    registry.reject(f"{MODEL}:1.2.0", role="legal", reason="bad")
    with pytest.warns(UserWarning, match="still what staging serves"):
        registry.yank(f"{MODEL}:1.2.0", reason="trained on the test set")
    registry.delete_alias(MODEL, "staging")
    assert settled()
    assert receiver.types == [
        "alias.promoted",
        "alias.promoted",
        "alias.promoted",
        "alias.rolled_back",
        "version.rejected",
        "version.yanked",
    ]
    assert [each.event["data"].get("cause") for each in receiver.received[:4]] == [
        "manual",
        "manual",
        "promote",
        "rollback",
    ]
    assert receiver.received[3].event["data"]["notes"]["undone"]
    assert receiver.received[5].event["subject"] == f"{MODEL}:1.2.0"
    assert "[YANKED]" in receiver.received[5].event["data"]["notes"]["text"]
    assert registry.notify().deliveries == ()


@pytest.mark.usefixtures("versions")
def test_a_guards_rollback_is_told_as_one(
    registry: mv.Registry, receiver: Receiver, configure: Configure
) -> None:
    """Its cause says that nobody did it by hand."""
    registry.set_alias(MODEL, "production", "1.0.0")
    registry.set_alias(MODEL, "production", "1.1.0")
    configure(receiver.url, events='"rollback"')
    registry = registry_again(registry)
    breach = Breach((RuleAnswer("current.error_rate < 0.05", "breached", "error_rate 0.5"),))
    generation = registry.history(MODEL, alias="production")[-1].generation
    for _ in range(2):
        registry.rollback_on_breach(MODEL, "production", breach, expected=generation, reason="errors")
        assert settled()
    assert receiver.types == ["alias.rolled_back"]
    assert receiver.received[0].event["data"]["cause"] == "guard"


@pytest.mark.usefixtures("versions")
def test_two_recipients_get_what_their_audiences_may_read(
    registry: mv.Registry, receiver: Receiver, project: Path
) -> None:
    """Comms learn of nobody by name, nor why; each has a secret and an id of its own."""
    tables = [
        f'[[notify]]\nname = "{audience}"\nurl = "{receiver.url}/{audience}"\nsecret_env = "{secret}"\naudience = "{audience}"\nregistry = "*"\n'
        for audience, secret in (("comms", "OTHER_SECRET"), ("engineering", "HOOK_SECRET"))
    ]
    (project / "modelver.toml").write_text("".join(tables))
    registry = registry_again(registry)
    registry.yank(f"{MODEL}:1.0.0", reason="the customer complained")
    registry.reject(f"{MODEL}:1.1.0", role="legal", reason="a licence", person="joe@example.org")
    registry.set_alias(MODEL, "production", "1.1.0", reason="jane said so")
    assert settled()
    bodies = [(request.path.rpartition("/")[2], request.body.decode()) for request in receiver.received]
    assert sorted(name for name, _ in bodies) == ["comms"] * 3 + ["engineering"] * 3
    comms, engineering = (
        "".join(body for name, body in bodies if name == audience) for audience in ("comms", "engineering")
    )
    for secret in ("jane", "joe", "complained", "a licence"):
        assert secret not in comms
        assert secret in engineering
    assert len({request.headers["webhook-id"] for request in receiver.received}) == 6
    assert all(
        request.verified(OTHER_SECRET if request.path.endswith("comms") else SECRET)
        for request in receiver.received
    )


@pytest.mark.usefixtures("versions")
def test_a_commit_returns_while_its_recipient_thinks(
    registry: mv.Registry, receiver: Receiver, configure: Configure
) -> None:
    """The request is still held when the call has returned, and more commits come and go."""
    configure(receiver.url)
    registry = registry_again(registry)
    receiver.held.clear()
    registry.set_alias(MODEL, "production", "1.0.0")
    receiver.wait_for(1)
    for version in ("1.1.0", "1.0.0", "1.1.0"):
        registry.set_alias(MODEL, "production", version)
    assert len(receiver.received) == 1
    assert registry.resolve(f"{MODEL}@production").version == "1.1.0"
    receiver.held.set()
    assert settled()
    assert [each.event["data"]["version"] for each in receiver.received] == [
        "1.0.0",
        "1.1.0",
        "1.0.0",
        "1.1.0",
    ]


@pytest.mark.usefixtures("versions")
def test_what_nobody_took_is_told_later_in_order(
    registry: mv.Registry, configure: Configure, caplog: pytest.LogCaptureFixture
) -> None:
    """A receiver that was down misses nothing; the logger says each time that it waits, in one line."""
    with deaf_port() as port:
        configure(f"http://127.0.0.1:{port}/hook")
        registry = registry_again(registry)
        for version in ("1.0.0", "1.1.0"):
            registry.set_alias(MODEL, "production", version)
            assert settled()
        lines = [record.getMessage() for record in caplog.records if record.name == "modelver"]
        waits = (
            f"could not tell http://127.0.0.1:{port} that {MODEL}@production is 1.0.0 now (manual):"
            " Connection refused; `modelver notify` tries again"
        )
        assert lines == [waits, waits]
        with Receiver(port) as receiver:
            found = registry_again(registry).notify()
            assert [str(each) for each in found.deliveries] == [
                f"told http://127.0.0.1:{port} that {MODEL}@production is {version} now (manual)"
                for version in ("1.0.0", "1.1.0")
            ]
            assert found
            assert not registry.notify().deliveries
            assert [each.event["data"]["version"] for each in receiver.received] == ["1.0.0", "1.1.0"]


def test_nothing_but_a_look_for_the_file_is_paid_without_recipients(
    registry: mv.Registry, project: Path
) -> None:
    """No thread, and nothing kept."""
    before = resources.threads()
    publish(registry, aliases=["production"])
    assert resources.threads() <= before
    assert background().wait(0)
    assert not any((project.parent).rglob("notified*"))


@pytest.mark.parametrize(
    "text",
    [
        "[[notify]]\nurl = 3",
        "[notify]\nx = 1",
        "notify = [",
        '[[notify]]\nurl = "https://hooks.example.org"\nsecret_env = "S"\nmodel = "x"',
    ],
)
def test_a_wrong_configuration_keeps_nobody_from_committing(
    registry: mv.Registry, project: Path, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    """The logger says what is wrong, once; `notify` raises it."""
    (project / "modelver.toml").write_text(text)
    publish(registry, b"1", aliases=["production"], changelog="The first.")
    publish(registry, b"2", aliases=["production"], changelog="The second.")
    (line,) = [record.getMessage() for record in caplog.records if record.name == "modelver"]
    assert line.startswith("nobody is told of what is committed")
    with pytest.raises(mv.InvalidValue):
        registry.notify()


def test_a_project_tells_of_its_own_registry_alone(
    registry: mv.Registry, receiver: Receiver, project: Path
) -> None:
    """A try in another registry, from the same folder, is nobody's news."""
    (project / "modelver.toml").write_text(
        f'[registry]\nurl = "../registry"\n[[notify]]\nurl = "{receiver.url}"\nsecret_env = "HOOK_SECRET"\n'
    )
    publish(mv.Registry(f"memory://{uuid.uuid4().hex}"), aliases=["production"])
    publish(mv.Registry(project / "other"), aliases=["production"])
    assert settled()
    assert receiver.received == []
    publish(mv.Registry(), aliases=["production"])
    assert settled()
    publish(registry, b"2", aliases=["production"])
    assert settled()
    assert receiver.types == ["alias.promoted"] * 2


def test_a_project_without_an_address_tells_of_the_registry_that_is_meant_there(
    receiver: Receiver, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That is the environment's, else the folder's own."""
    (project / "modelver.toml").write_text(
        f'[[notify]]\nurl = "{receiver.url}"\nsecret_env = "HOOK_SECRET"\n'
    )
    publish(mv.Registry(tmp_path / "other"), aliases=["production"])
    assert settled()
    assert receiver.received == []
    publish(mv.Registry(), aliases=["production"])
    assert settled()
    assert len(receiver.received) == 1
    monkeypatch.setenv("MODELVER_REGISTRY", str(tmp_path / "other"))
    publish(mv.Registry(), b"2", aliases=["production"])
    assert settled()
    assert len(receiver.received) == 2


def test_a_commit_without_an_address_is_told_by_the_project_though_the_environment_names_the_registry(
    receiver: Receiver, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And so is one in the registry that the file names, wherever the environment points; others are nobody's news."""
    (project / "modelver.toml").write_text(
        f'[registry]\nurl = "../named"\n[[notify]]\nurl = "{receiver.url}"\nsecret_env = "HOOK_SECRET"\n'
    )
    monkeypatch.setenv("MODELVER_REGISTRY", str(tmp_path / "meant"))
    for place, told in ((None, 1), (tmp_path / "named", 2), (tmp_path / "other", 2)):
        publish(mv.Registry(place), aliases=["production"])
        assert settled()
        assert len(receiver.received) == told


def test_a_machine_has_recipients_of_its_own(
    receiver: Receiver, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are told of every registry, or of the one that a table names, beside those of the project."""
    file = tmp_path / "hooks.toml"
    table = f'[[notify]]\nname = "NAME"\nurl = "{receiver.url}"\nsecret_env = "HOOK_SECRET"\n'
    file.write_text(
        table.replace("NAME", "all") + table.replace("NAME", "one") + f'registry = "{tmp_path}/elsewhere"\n'
    )
    monkeypatch.setenv("MODELVER_NOTIFY", str(file))
    (project / "modelver.toml").write_text(table.replace("NAME", "project") + 'registry = "*"\n')
    registry = mv.Registry(tmp_path / "registry")
    publish(registry, aliases=["production"])
    assert settled()
    assert len(receiver.received) == 2
    assert registry.notify(dry_run=True).targets == ("all", "project")
    file.write_text(table + "[registry]\nurl = 'x'")
    with pytest.raises(mv.InvalidValue, match=r"hooks\.toml\.registry"):
        registry.notify()
    monkeypatch.setenv("MODELVER_NOTIFY", str(tmp_path / "missing.toml"))
    with pytest.raises(mv.NotFound, match="MODELVER_NOTIFY"):
        registry.notify()


def test_no_address_comes_from_a_registry(
    registry: mv.Registry, receiver: Receiver, configure: Configure
) -> None:
    """Whatever a version, a reason, an annotation, a tag or a file of it says."""
    with Receiver() as evil:
        configure(receiver.url)
        text = f'[[notify]]\nurl = "{evil.url}"\nsecret_env = "HOOK_SECRET"\nLocation: {evil.url}'
        registry = registry_again(registry)
        version = registry.register(
            MODEL,
            {"modelver.toml": text.encode(), "model.bin": b"1"},
            changelog=text,
            tags={"notify": evil.url, "url": evil.url},
            capture=False,
            aliases=["production"],
        )
        with pytest.warns(UserWarning, match="still what production serves"):
            registry.yank(version, reason=f"see {evil.url}\r\nwebhook-id: 1")
        assert settled()
        assert evil.received == []
    assert receiver.types == ["alias.promoted", "version.yanked"]
    assert "\\r\\nwebhook-id: 1" in receiver.received[1].body.decode()


def test_what_is_too_long_is_cut(registry: mv.Registry, receiver: Receiver, configure: Configure) -> None:
    """Hostile or not, a message stays small."""
    configure(receiver.url)
    registry = registry_again(registry)
    version = publish(registry, changelog=mv.Changelog(added=["\U0001f4a3" * 200] * 190))
    registry.set_alias(MODEL, "production", version, reason="\U0001f4a3" * 2000)
    assert settled()
    (request,) = receiver.received
    assert len(request.body) < 128 * 2**10
    data = request.event["data"]
    assert len(data["notes"]["text"].encode()) <= 64 * 2**10
    assert "cut: `modelver notes`" in data["notes"]["text"]
    assert len(data["reason"].encode()) <= 4 * 2**10


def test_an_event_is_told_though_its_notes_can_not_be_written(
    registry: mv.Registry, receiver: Receiver, configure: Configure
) -> None:
    """A damaged manifest keeps nobody from hearing of a yank."""
    version = publish(registry, changelog="The first.")
    blob = Path(registry_url(registry)) / blob_key(version.digest)
    blob.chmod(0o644)
    blob.write_bytes(b"damaged")
    configure(receiver.url)
    registry_again(registry).yank(version, reason="damaged")
    assert settled()
    assert receiver.received[0].event["data"]["notes"] is None


def test_a_copy_of_a_registry_goes_its_own_way(
    registry: mv.Registry, receiver: Receiver, configure: Configure, project: Path
) -> None:
    """What is told of the one is no news of the other, and moves no place in its log."""
    configure(receiver.url, at_once="false")
    publish(registry_again(registry), b"1", aliases=["production"])
    registry.notify()
    shutil.copytree(registry_url(registry), project / "copy")
    copy = mv.Registry(project / "copy")
    publish(copy, b"of the copy", aliases=["production"])
    assert len(copy.notify().deliveries) == 1
    publish(registry_again(registry), b"of the original", aliases=["production"])
    assert len(registry.notify().deliveries) == 1
    assert len({request.headers["webhook-id"] for request in receiver.received}) == 3


def test_a_mirror_tells_the_same_events(
    registry: mv.Registry, receiver: Receiver, configure: Configure, project: Path
) -> None:
    """Under the same ids, so that nobody hears of one twice."""
    publish(registry, b"1", aliases=["production"], changelog="The first.")
    registry.mirror(to=str(project / "mirror"))
    configure(receiver.url)
    for place in (registry_url(registry), str(project / "mirror")):
        mv.Registry(place).notify(MODEL, since=1)
    assert len(receiver.received) == 2
    assert len({request.headers["webhook-id"] for request in receiver.received}) == 1


@pytest.mark.parametrize(("owner", "user", "own"), [(5, 5, True), (0, 5, True), (7, 5, False), (7, 0, True)])
def test_a_project_file_of_another_account_has_no_say(owner: int, user: int, *, own: bool) -> None:
    """Anybody may put one into /tmp; root works in everybody's checkouts."""
    assert is_own(owner, user) == own


def test_a_new_recipient_begins_now(registry: mv.Registry, receiver: Receiver, configure: Configure) -> None:
    """What was before is told if somebody asks for it: from a commit, or from a time on."""
    first = publish(registry, b"1", aliases=["production"], changelog="The first.")
    configure(receiver.url)
    found = registry.notify(dry_run=True)
    assert "from now on" in found.notes[0]
    assert registry.notify()
    assert receiver.received == []
    other = mv.Registry(registry_url(registry))
    publish(other, b"2", aliases=["production"], changelog="Better.")
    assert settled()
    assert receiver.types == ["alias.promoted"]
    seqs = [each.event["data"]["commit"] for each in receiver.received]
    assert [each.seq for each in registry.notify(MODEL, since=1).deliveries] == [2, *seqs]
    assert len(registry.notify(since=first.created_at).deliveries) == 2
    assert len(registry.notify(since="2999-01-01").deliveries) == 0
    ids = [each.headers["webhook-id"] for each in receiver.received]
    assert (len(ids), len(set(ids))) == (5, 2)


def test_a_model_that_is_made_later_is_told_from_its_beginning(
    registry: mv.Registry, receiver: Receiver, project: Path, configure: Configure
) -> None:
    """By whoever is told of nobody: another machine commits, this one tells."""
    publish(registry, b"1", aliases=["production"])
    configure(receiver.url)
    assert registry.notify()
    (project / "modelver.toml").unlink()
    elsewhere = mv.Registry(registry_url(registry), cache_dir=project.parent / "elsewhere")
    elsewhere.register("other", {"a": b"1"}, capture=False, aliases=["production"])
    configure(receiver.url)
    assert [each.subject for each in registry.notify().deliveries] == ["other@production"]


def test_who_is_gone_is_told_nothing_more(
    registry: mv.Registry, receiver: Receiver, configure: Configure
) -> None:
    """Until somebody begins again."""
    configure(receiver.url)
    receiver.answers.append((410, {}))
    registry = registry_again(registry)
    publish(registry, b"1", aliases=["production"])
    assert settled()
    publish(registry, b"2", aliases=["production"])
    assert settled()
    assert len(receiver.received) == 1
    found = registry.notify()
    assert "410 Gone" in found.notes[0]
    assert found
    assert len(registry.notify(MODEL, since=1).deliveries) == 2
    publish(registry, b"3", aliases=["production"])
    assert settled()
    assert len(receiver.received) == 4


def test_what_was_given_up_is_passed_over(
    registry: mv.Registry, receiver: Receiver, configure: Configure
) -> None:
    """It is reported, and keeps nothing from being told that comes after it."""
    configure(receiver.url, at_once="false")
    registry = registry_again(registry)
    publish(registry, b"1", aliases=["production"])
    publish(registry, b"2", aliases=["production"])
    receiver.answers.extend([(400, {})] * 5)
    found = notify(registry._session, Asked(patience=Patience(first=0.01)))
    assert [each.outcome for each in found.deliveries] == ["given_up", "delivered"]
    assert [each.detail for each in found.given_up] == ["400 Bad Request"]
    assert not registry.notify().deliveries


def test_who_refuses_and_asks_for_more_time_is_given_up_in_the_end(
    registry: mv.Registry, receiver: Receiver, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After five refusals in a row, each after the time that it asked for; a fault that may pass begins the count anew."""
    configure(receiver.url, at_once="false")
    registry = registry_again(registry)
    publish(registry, b"1", aliases=["production"])
    publish(registry, b"2", aliases=["production"])
    answers = [403, 403, 503, *[403] * 5]
    receiver.answers.extend((status, {"Retry-After": "60"}) for status in answers)
    rounds = []
    for number in range(len(answers)):
        late = 61_000_000 * number
        monkeypatch.setattr(announcing, "now", lambda late=late: time.time_ns() // 1000 + late)
        rounds.append(registry.notify().deliveries)
        if number == 1:
            (waits,) = registry.notify().deliveries
            assert (waits.outcome, waits.tries, len(receiver.received)) == ("pending", 2, 2)
            assert 0 < waits.retry_after <= 60
    assert [[each.outcome for each in found] for found in rounds] == [["pending"]] * 7 + [
        ["given_up", "delivered"]
    ]
    assert [found[0].tries for found in rounds] == [1, 2, 3, 1, 2, 3, 4, 5]


def test_a_rest_that_was_noted_by_a_wrong_clock_is_none(
    registry: mv.Registry, receiver: Receiver, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine whose clock was years ahead when a recipient asked for a minute tells it today all the same."""
    configure(receiver.url, at_once="false")
    registry = registry_again(registry)
    publish(registry, b"1", aliases=["production"])
    receiver.answers.append((403, {"Retry-After": "60"}))
    with monkeypatch.context() as wrong:
        wrong.setattr(announcing, "now", lambda: (time.time_ns() + 10 * 365 * 86_400 * 10**9) // 1000)
        assert [each.outcome for each in registry.notify().deliveries] == ["pending"]
    assert [each.outcome for each in registry.notify().deliveries] == ["delivered"]


def test_a_recipient_that_is_left_to_notify_is_not_told_at_once(
    registry: mv.Registry, receiver: Receiver, configure: Configure
) -> None:
    """`at_once = false` is for processes that must not call anybody."""
    configure(receiver.url, at_once="false")
    registry = registry_again(registry)
    publish(registry, b"1", aliases=["production"])
    assert settled()
    assert receiver.received == []
    registry.notify()
    assert receiver.types == ["alias.promoted"]


@pytest.mark.parametrize("names", [["notified"], ["notified-copy"]])
def test_a_damaged_file_of_the_cache_loses_no_event(
    registry: mv.Registry,
    receiver: Receiver,
    configure: Configure,
    private_cache: Path,
    names: list[str],
) -> None:
    """What waits is told all the same, and nothing is told twice for it."""
    configure(receiver.url, at_once="false")
    registry = registry_again(registry)
    publish(registry, b"1", aliases=["production"])
    registry.notify()
    publish(registry, b"2", aliases=["production"])
    for name in names:
        (private_cache / f"{name}.sqlite3").write_bytes(b"damaged" * 1000)
    registry_again(registry).notify()
    assert [each.event["data"]["version"] for each in receiver.received] == ["1.0.0", "1.1.0"]


def test_where_nothing_can_be_kept_a_commit_is_told_all_the_same(
    registry: mv.Registry,
    receiver: Receiver,
    configure: Configure,
    private_cache: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """In a container without a cache; what is left over can't be known there, and that is said."""
    configure(receiver.url)
    for name in ("notified", "notified-copy"):
        (private_cache / f"{name}.sqlite3").mkdir(parents=True)
    publish(registry_again(registry), b"1", aliases=["production"], changelog="The first.")
    assert settled()
    publish(registry_again(registry), b"2", aliases=["production"], changelog="The second.")
    assert settled()
    assert [each.event["data"]["version"] for each in receiver.received] == ["1.0.0", "1.1.0"]
    found = registry.notify()
    assert not found
    assert "can't be kept" in found.notes[0]
    with pytest.raises(mv.StoreError, match="can't be kept"):
        found.raise_if_failed()
    assert len(registry.notify(since="2000-01-01").deliveries) == 2
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.full
def test_a_locked_cache_delays_nobody_for_ever(
    registry: mv.Registry, receiver: Receiver, configure: Configure, private_cache: Path
) -> None:
    """A process that hangs with the file open keeps others from knowing, not from telling."""
    configure(receiver.url)
    registry = registry_again(registry)
    publish(registry, b"1", aliases=["production"])
    assert settled()
    connection = sqlite3.connect(private_cache / "notified.sqlite3", isolation_level=None)
    try:
        connection.execute("BEGIN EXCLUSIVE")
        publish(registry, b"2", aliases=["production"])
        assert settled()
    finally:
        connection.close()
    assert [each.event["data"]["version"] for each in receiver.received] == ["1.0.0", "1.1.0"]


def test_a_refused_commit_tells_nothing(
    registry: mv.Registry, receiver: Receiver, configure: Configure
) -> None:
    """Nor does one that changes nothing."""
    configure(receiver.url)
    registry = registry_again(registry)
    version = publish(registry, b"1")
    registry.yank(version, reason="bad")
    with pytest.raises(mv.Refused):
        registry.set_alias(MODEL, "production", version)
    registry.promote(publish(registry, b"2"), to="production")
    registry.promote(f"{MODEL}@latest", to="production")
    assert settled()
    assert receiver.types == ["version.yanked", "alias.promoted"]


def test_a_repeated_call_tells_what_the_first_could_not(
    registry: mv.Registry, receiver: Receiver, configure: Configure
) -> None:
    """With the commit_id of a call that was broken off after its commit."""
    configure(receiver.url, at_once="false")
    first = registry_again(registry)
    publish(first, b"1", aliases=["production"], commit_id="run-1")
    configure(receiver.url)
    publish(registry_again(registry), b"1", aliases=["production"], commit_id="run-1")
    assert settled()
    assert receiver.types == ["alias.promoted"]


@pytest.mark.usefixtures("versions")
def test_what_is_being_told_is_not_told_twice(
    registry: mv.Registry, receiver: Receiver, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who commits and then asks for what is left waits for what this process is just telling."""
    monkeypatch.setattr(notifying, "AT_EXIT", PATIENCE)  # two seconds are too short for a busy machine
    configure(receiver.url)
    again = registry_again(registry)
    for number in ("1.0.0", "1.1.0", "1.0.0"):
        again.set_alias(MODEL, "production", number)
        assert again.notify()
    assert len(receiver.received) == 3


def test_a_test_reaches_everybody(registry: mv.Registry, receiver: Receiver, configure: Configure) -> None:
    """An event that says nothing, signed; no place in a log moves."""
    publish(registry)
    configure(receiver.url, receiver.url + "2")
    found = registry.notify(test=True)
    assert [each.outcome for each in found.deliveries] == ["delivered"] * 2
    assert [each.verified()["type"] for each in receiver.received] == ["dev.modelver.ping"] * 2
    assert found.summary == "2 delivered"
    assert "2 delivered" in found._repr_html_()


def test_nobody_to_tell_is_an_error(registry: mv.Registry) -> None:
    """`notify` says where recipients are looked for; and a commit has a number from 1, in a model."""
    publish(registry)
    with pytest.raises(mv.NotFound, match="MODELVER_NOTIFY"):
        registry.notify()


@pytest.mark.usefixtures("versions")
def test_a_beginning_has_to_mean_something(
    registry: mv.Registry, receiver: Receiver, configure: Configure
) -> None:
    """A commit's number needs a model, a time has to be one, and a model has to exist."""
    configure(receiver.url)
    with pytest.raises(mv.InvalidValue, match="Name the model"):
        registry.notify(since=1)
    with pytest.raises(mv.InvalidValue, match="numbered from 1"):
        registry.notify(MODEL, since=0)
    with pytest.raises(mv.InvalidValue, match="1 to 3"):
        registry.notify(MODEL, since=20261117)
    with pytest.raises(mv.InvalidValue, match="not a time"):
        registry.notify(MODEL, since="yesterday")
    with pytest.raises(mv.NotFound):
        registry.notify("nope")
    with pytest.raises(mv.InvalidValue, match="length of time"):
        registry.keep_notifying(every=0)


def registry_url(registry: mv.Registry) -> str:
    """Return where a registry is."""
    return str(registry._session.store.url)


@pytest.mark.usefixtures("versions")
def test_threads_that_commit_for_the_first_time_lose_no_event(
    registry: mv.Registry, receiver: Receiver, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where files can't be locked, one commits while another is about to note where a new recipient begins."""
    monkeypatch.setattr(lock, "fcntl", None)
    configure(receiver.url)
    registry = registry_again(registry)
    noting, go_on = threading.Event(), threading.Event()

    def slow(session: Session, target: Target) -> str:
        if threading.current_thread() is not threading.main_thread() and not noting.is_set():
            noting.set()
            assert go_on.wait(PATIENCE)
        return start_key(session, target)

    monkeypatch.setattr(telling, "start_key", slow)
    with ThreadPoolExecutor(1) as pool:
        annotated = pool.submit(registry.annotate, f"{MODEL}:1.0.0", "A note.")
        assert noting.wait(PATIENCE)
        registry.set_alias(MODEL, "production", "1.0.0")
        assert settled()
        go_on.set()
        annotated.result(PATIENCE)
    assert settled()
    assert receiver.types == ["alias.promoted"]


def test_recipients_that_are_told_at_once_each_get_their_notes(
    registry: mv.Registry, versions: list[mv.ModelVersion], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each audience's are written by another thread, and none takes away what another one has just written."""
    registry.set_alias(MODEL, "production", versions[1])
    log = registry._session.log(versions[1].name)
    (happening,) = happenings(*log.commit(log.state().seq), MODEL)
    together = threading.Barrier(len(AUDIENCES))

    def cut(text: str, most: int, more: str) -> str:
        if most == MAX_NOTES:
            together.wait(PATIENCE)
        return text[:most] or more

    def each(frame: FrameType, event: str, _: object) -> Callable[..., object] | None:
        if frame.f_code.co_filename != saying.__file__:
            return None
        time.sleep(0.01 if event == "line" else 0)
        return each

    monkeypatch.setattr(saying, "cut", cut)
    sayer, before = saying.Sayer(registry._session), threading.gettrace()
    threading.settrace(each)
    try:
        with ThreadPoolExecutor(len(AUDIENCES)) as pool:
            told = list(pool.map(lambda audience: sayer.data(happening, audience)["notes"], AUDIENCES))
    finally:
        threading.settrace(before)  # type: ignore[arg-type] # None is what it was
    assert all(isinstance(notes, dict) and notes["text"] for notes in told)


def registry_again(registry: mv.Registry) -> mv.Registry:
    """Open a registry again: a configuration is read when an object first commits."""
    return mv.Registry(registry_url(registry))


@pytest.mark.usefixtures("versions")
def test_nobody_is_told_of_a_forged_commit(
    registry: mv.Registry, receiver: Receiver, configure: Configure
) -> None:
    """A commit older than the checkpoint, which no reader chained, is told only if the chain leads over it."""
    registry.set_alias(MODEL, "production", "1.0.0")
    for number in range(75):
        registry.record_metrics(f"{MODEL}:1.0.0", {"f1": float(number)})
    configure(receiver.url)
    log = Path(registry.url) / "models" / "acme--fraud"
    assert [*(log / "checkpoints").iterdir()]
    forged = log / "log" / f"{registry.history(MODEL, alias='production')[-1].generation:020d}.json"
    body = unseal(forged.read_bytes(), what="a commit")
    forged.chmod(0o644)
    forged.write_bytes(seal(body.replace(b'"alias":"production"', b'"alias":"forgeries"')))
    found = registry_again(registry).notify(MODEL, since=1)
    assert found.unread
    assert receiver.received == []

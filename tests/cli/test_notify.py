"""`modelver notify` says what was told, and what is left."""

import json
import signal
import subprocess
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from modelver import Registry
from modelver.notify.background import Background
from modelver.notify.notified import Notified
from tests.cli.support import COMMAND, Run
from tests.cli.test_documentation import keys, section
from tests.notify.receiver import PATIENCE, SECRET, Receiver


@pytest.fixture
def receiver(registry_path: Path, fraud: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """Give a receiver that the folder's project file names, beside versions that were there before."""
    assert fraud == "acme/fraud"
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    # A command waits for two seconds, which a busy machine may exceed.
    monkeypatch.setattr(Background.finish, "__defaults__", (PATIENCE,))
    with Receiver() as server:
        # The registry is the one that $MODELVER_REGISTRY names.
        (registry_path.parent / "modelver.toml").write_text(
            f'[[notify]]\nname = "risk"\nurl = "http://jane:p4ss@127.0.0.1:{server.port}/t0ken?key=t0ken"\n'
            'secret_env = "HOOK_SECRET"\n'
        )
        yield server


def test_a_command_tells_what_it_committed(run: Run, receiver: Receiver) -> None:
    """On stderr, after what it did; the answer and the exit code are as ever."""
    done = run("promote", "acme/fraud:1.0.0", "--to", "production", "--reason", "back")
    assert done.stdout == "acme/fraud:1.0.0\n"
    assert done.stderr.splitlines() == [
        "acme/fraud@production is 1.0.0 now",
        "told risk that acme/fraud@production is 1.0.0 now (promote)",
    ]
    assert run("notify").stdout == "nothing to tell\n"
    assert receiver.types == ["alias.promoted"]


def test_what_a_command_could_not_tell_is_told_by_notify(run: Run, receiver: Receiver) -> None:
    """The command's exit code is that of its work."""
    receiver.answers.append((500, {}))
    done = run("rollback", "acme/fraud", "production")
    assert done.stderr.splitlines()[1:] == [
        (
            "could not tell risk that acme/fraud@production is 1.0.0 now (rollback): 500 Internal Server Error;"
            " `modelver notify` tries again"
        )
    ]
    assert run("notify", "--dry-run").stdout == (
        "would tell risk that acme/fraud@production is 1.0.0 now (rollback)\n"
    )
    answer = run("notify", "acme/fraud", "--json").json
    assert (answer["ok"], answer["targets"], answer["notes"]) == (True, ["risk"], [])
    (delivery,) = answer["deliveries"]
    assert delivery == {
        "target": "risk",
        "id": receiver.received[0].headers["webhook-id"],
        "type": "dev.modelver.alias.rolled_back",
        "subject": "acme/fraud@production",
        "commit": receiver.received[0].event["data"]["commit"],
        "outcome": "delivered",
        "tries": 1,
        "detail": "",
    }


def test_what_is_left_is_an_exit_code(run: Run, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """8: the environment; and nothing that is secret is shown."""
    monkeypatch.delenv("HOOK_SECRET")
    done = run("notify", "acme/fraud", "--since", "1", code=8)
    assert done.stdout.startswith(
        "could not tell risk that acme/fraud@staging is 1.0.0 now (manual): there is no secret"
    )
    assert receiver.received == []
    told = done.stdout + done.stderr + run("notify", "--test", "--json", code=8).stdout
    assert "p4ss" not in told
    assert "t0ken" not in told


def test_watching_answers_in_lines(receiver: Receiver) -> None:
    """One object for each round that told something; ended by hand it returns 0."""
    command = [*COMMAND, "notify", "acme/fraud", "--since", "1", "--watch", "--every", "1s", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        told = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    assert [each["outcome"] for each in told["deliveries"]] == ["delivered"] * 3
    assert receiver.types == ["alias.promoted"] * 3


def test_a_test_is_sent(run: Run, receiver: Receiver) -> None:
    """One event that says nothing to each recipient."""
    assert run("notify", "--test").stdout == "told risk that this is a test\n"
    assert [request.verified()["type"] for request in receiver.received] == ["dev.modelver.ping"]


@pytest.mark.parametrize("since", ["1", "2026-01-01"])
def test_what_was_told_before_is_told_again(run: Run, receiver: Receiver, since: str) -> None:
    """From a commit, or from a time on."""
    run("notify", "acme/fraud", "--since", since)
    assert receiver.types == ["alias.promoted"] * 3


@pytest.mark.usefixtures("receiver")
@pytest.mark.parametrize(
    "arguments",
    [
        ["--test", "--watch"],
        ["--dry-run", "--watch"],
        ["--test", "acme/fraud"],
        ["--every", "5s"],
        ["--watch", "--every", "0"],
    ],
)
def test_what_does_not_go_together_is_refused(run: Run, arguments: list[str]) -> None:
    """As a fault of usage."""
    run("notify", *arguments, code=2)


def test_nobody_to_tell_is_not_found(run: Run, fraud: str) -> None:
    """With a hint where recipients are looked for."""
    assert "MODELVER_NOTIFY" in run("notify", fraud, code=3).stderr


def test_each_json_key_is_documented(run: Run, receiver: Receiver) -> None:
    """Each key of an answer is named in the verb's section."""
    assert receiver.received == []
    answer = run("notify", "--since", "2026-01-01", "--dry-run", "--json").json
    assert len(answer["deliveries"]) == 3
    assert [key for key in keys(answer) if f"`{key}`" not in section("modelver notify")] == []


def test_what_goes_on_is_noted_once_by_a_watch(
    run: Run, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A watch goes through its rounds for months."""
    receiver.answers.append((410, {}))
    run("promote", "acme/fraud:1.0.0", "--to", "production", "--reason", "back")
    keep_notifying = Registry.keep_notifying

    def four_rounds(registry: Registry, model: str | None, **_: object) -> Iterator[Notified]:
        return islice(keep_notifying(registry, model, every=0.001), 4)

    monkeypatch.setattr(Registry, "keep_notifying", four_rounds)
    said = run("notify", "--watch").stderr
    assert said.count("risk wants to be told nothing more") == 1

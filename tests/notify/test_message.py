"""A message is a CloudEvent 1.0, and signed as Standard Webhooks says: as their own libraries see it."""

import json
import time
from datetime import UTC, datetime

import attrs
import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_structured_event
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from modelver.errors import InvalidValue, NotFound
from modelver.notify.happening import KINDS, Happening, Kind
from modelver.notify.message import CONTENT_TYPE, TYPES, cut, event_id, headers, make_message, read_secrets
from modelver.notify.target import Target
from tests.notify.receiver import OTHER_SECRET, SECRET

TARGET = Target("https://hooks.example.org/x", "HOOK_SECRET")
AT = datetime(2026, 11, 17, 15, 0, 0, 123456, tzinfo=UTC)
HAPPENING = Happening(
    "promote", "0f" * 16, "acme/fraud", 7, 1, AT, version="1.3.0", alias="production", cause="promote"
)


def secrets(monkeypatch: pytest.MonkeyPatch, text: str) -> tuple[bytes, ...]:
    """Return the secrets that a variable's text stands for."""
    monkeypatch.setenv("HOOK_SECRET", text)
    return read_secrets("HOOK_SECRET")


def test_the_cloudevents_library_reads_it() -> None:
    """Its structured mode: id, source, type, subject and time are where they should be."""
    message = make_message(HAPPENING, TARGET, {"model": "acme/fraud"})
    event = from_structured_event(HTTPMessage(headers={"content-type": CONTENT_TYPE}, body=message.body))
    assert event.get_specversion() == "1.0"
    assert event.get_id() == message.id == event_id(HAPPENING, TARGET)
    assert event.get_source() == "urn:uuid:0f0f0f0f-0f0f-0f0f-0f0f-0f0f0f0f0f0f"
    assert event.get_type() == "dev.modelver.alias.promoted"
    assert event.get_subject() == "acme/fraud@production"
    assert event.get_time() == AT
    assert event.get_datacontenttype() == "application/json"
    assert event.get_data() == {"model": "acme/fraud"}


@pytest.mark.parametrize("kind", [*KINDS, "test"])
def test_each_kind_has_a_type(kind: Kind) -> None:
    """A type is that of one kind alone."""
    event = json.loads(make_message(attrs.evolve(HAPPENING, kind=kind), TARGET, {}).body)
    assert [key for key, value in TYPES.items() if value == event["type"]] == [kind]


@given(
    st.tuples(st.integers(1, 2**53), st.integers(0, 99), st.sampled_from(["a", "b/c"])),
    st.tuples(st.integers(1, 2**53), st.integers(0, 99), st.sampled_from(["a", "b/c"])),
)
def test_an_id_stands_for_one_event(one: tuple[int, int, str], other: tuple[int, int, str]) -> None:
    """The same event has the same id for ever, and no two events have one."""
    first, second = (
        event_id(attrs.evolve(HAPPENING, seq=seq, index=index, model=model), TARGET)
        for seq, index, model in (one, other)
    )
    assert (first == second) == (one == other)


def test_an_id_is_that_of_a_commits_bytes() -> None:
    """Two copies of a registry that went ways of their own tell different events."""
    assert event_id(attrs.evolve(HAPPENING, commit="00"), TARGET) != event_id(HAPPENING, TARGET)


def test_an_id_is_a_recipients_own() -> None:
    """Its name counts where it has one, so that its address may change."""
    named = Target("https://one.example.org", "S", name="risk")
    assert event_id(HAPPENING, named) != event_id(HAPPENING, TARGET)
    assert event_id(HAPPENING, named) == event_id(
        HAPPENING, attrs.evolve(named, url="https://two.example.org")
    )


@given(st.text(max_size=200))
def test_whatever_a_text_holds_is_data(text: str) -> None:
    """A body is one JSON object, and its headers are ours alone."""
    message = make_message(HAPPENING, TARGET, {"reason": text})
    found = headers(message, (b"k" * 32,), 1)
    assert json.loads(message.body)["data"]["reason"] == text.encode("utf-8", "replace").decode()
    assert all(value.isascii() and value.isprintable() for value in found.values())


def test_the_webhook_library_verifies_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """While a secret is changed, either of the two will do."""
    message = make_message(HAPPENING, TARGET, {"reason": "naïve"})
    signed = headers(message, secrets(monkeypatch, f"{SECRET} {OTHER_SECRET}"), int(time.time()))
    for secret in (SECRET, OTHER_SECRET):
        assert Webhook(secret).verify(message.body, signed)["data"] == {"reason": "naïve"}


@pytest.mark.parametrize("change", ["body", "webhook-id", "webhook-timestamp", "webhook-signature", "secret"])
def test_the_webhook_library_refuses_what_was_changed(monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    """Body, id, time, signature and secret all count."""
    message = make_message(HAPPENING, TARGET, {"reason": "good"})
    signed = headers(message, secrets(monkeypatch, SECRET), int(time.time()))
    body = message.body
    if change == "body":
        body = body.replace(b"good", b"evil")
    elif change == "webhook-signature":
        signed[change] = headers(message, (b"x" * 32,), int(time.time()))[change]
    elif change != "secret":
        signed[change] = str(int(time.time()) - 60)
    with pytest.raises(WebhookVerificationError):
        Webhook(OTHER_SECRET if change == "secret" else SECRET).verify(body, signed)


def test_an_old_request_is_no_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that what was recorded can't be sent again, each try has the time of its own."""
    message = make_message(HAPPENING, TARGET, {})
    with pytest.raises(WebhookVerificationError, match="old"):
        Webhook(SECRET).verify(
            message.body, headers(message, secrets(monkeypatch, SECRET), int(time.time()) - 600)
        )


@pytest.mark.parametrize(
    "text",
    [
        "hunter2hunter2hunter2hunter2hunter2",
        "whsec_",
        "whsec_c2hvcnQ=",
        "whsec_!!!",
        "whsec_" + "QUFB" * 30,
        " ".join([SECRET] * 6),
    ],
)
def test_what_is_no_such_secret_is_not_used(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Another variable's password can't be had tried out, and it is never shown."""
    with pytest.raises(InvalidValue, match=r"\$HOOK_SECRET") as raised:
        secrets(monkeypatch, text)
    assert (text.removeprefix("whsec_") or "nothing") not in str(raised.value)


def test_a_missing_secret_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is sent unsigned."""
    with pytest.raises(NotFound, match=r"\$HOOK_SECRET"):
        secrets(monkeypatch, " ")


@given(st.text(max_size=60), st.integers(12, 40))
def test_a_long_text_is_cut_with_a_word(text: str, limit: int) -> None:
    """Never within a character, never above the limit, and never silently."""
    found = cut(text, limit, "… cut")
    assert len(found.encode()) <= limit or found == text
    assert found == text or found.endswith("… cut")

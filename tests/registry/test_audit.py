"""`registry.audit`: one page that answers what was served when, on whose word, and whether it holds."""

import json
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import modelver as mv
from modelver.history.event import AliasSet
from modelver.history.governing import PolicySet
from modelver.log import Proposal, append
from modelver.publish.markdown import to_html
from modelver.values.name import Alias, ModelName
from tests.publish.support import Reader
from tests.registries import MODEL, objects, publish

LEA, SAM = "lea@example.org", "sam@example.org"
KEY = Ed25519PrivateKey.generate()
PUBLIC = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def policy(**production: Any) -> dict[str, Any]:
    """Return a policy that trusts a key for legal, and asks something of production."""
    return {
        "require": {"alias": {"production": production}},
        "keys": {LEA: {"roles": ["legal"], "public_key": PUBLIC}},
    }


@pytest.fixture
def promoted(registry: mv.Registry) -> mv.Registry:
    """Give a registry whose production was promoted on a signed and a claimed approval, over a failed rule."""
    publish(registry, b"1", changelog="The first.", metrics={"f1": 0.8})
    registry.set_alias(MODEL, "production", "1.0.0", reason="first release")
    registry.set_policy(MODEL, policy(approvals=["legal", "safety"], rules=["metrics.f1 >= 0.9"]))
    publish(registry, b"2", version="1.1.0", changelog="The second.", metrics={"f1": 0.85})
    registry.approve(
        f"{MODEL}:1.1.0", role="legal", to="production", person=LEA, signer=KEY, reason="looked at"
    )
    registry.approve(f"{MODEL}:1.1.0", role="safety", person=SAM)
    registry.promote(f"{MODEL}:1.1.0", to="production", reason="the board agreed", override=True)
    return registry


def test_what_is_served_now(promoted: mv.Registry) -> None:
    """Version, digest, who, when, why, and what came before."""
    audit = promoted.audit(MODEL, alias="production")
    data: Any = audit.to_dict()
    (served,) = data["served"]
    version = promoted.get(f"{MODEL}:1.1.0")
    expected = {
        "version": "1.1.0",
        "digest": str(version.digest),
        "by": "tester@example.org",
        "cause": "promote",
        "reason": "the board agreed",
        "previous": "1.0.0",
        "override": True,
        "until": None,
        "changelog": "The second.",
    }
    assert {key: served[key] for key in expected} == expected
    assert audit
    assert audit.ok


def test_approvals_are_proof_or_claim(promoted: mv.Registry) -> None:
    """A signature that holds is told from somebody's word; what came after the move is no ground for it."""
    promoted.approve(f"{MODEL}:1.1.0", role="safety", person="late@example.org")
    audit = promoted.audit(MODEL, alias="production")
    judged = {each.person: each for each in audit.served[0].judged}
    assert judged.keys() == {LEA, SAM}
    assert (judged[LEA].worth, judged[LEA].against) == ("signed", "")
    assert (judged[SAM].worth, judged[SAM].proved) == ("claimed, not signed", False)
    assert any("late@example.org as safety" in later.what for later in audit.since)


def test_an_approval_for_another_step_does_not_count(registry: mv.Registry) -> None:
    """One for staging is shown, and why it was no ground for production."""
    publish(registry)
    registry.approve(f"{MODEL}:1.0.0", role="legal", to="staging", person=SAM)
    registry.set_alias(MODEL, "production", "1.0.0")
    (judged,) = registry.audit(MODEL, alias="production").served[0].judged
    assert judged.against == "it is for staging"
    assert "does not count: it is for staging" in str(registry.audit(MODEL))


def test_an_override_is_flagged_for_ever(promoted: mv.Registry) -> None:
    """On the page's first lines, in the facts and in the history, with the checks that failed; also years later."""
    moved = promoted.audit(MODEL).served[0].change.mark.at
    promoted.rollback(MODEL, "production")
    text = str(promoted.audit(MODEL, alias="production"))
    assert "promote, OVERRIDING gates that said no" in text
    then = str(promoted.audit(MODEL, alias="production", at=moved))
    assert (
        "> OVERRIDE: production was moved although gates said no: rule metrics.f1 >= 0.9: f1 is 0.85." in then
    )
    assert "| rule metrics.f1 >= 0.9 | FAILED | f1 is 0.85 |" in then


def test_verdicts_and_policy_are_those_of_then(promoted: mv.Registry) -> None:
    """A policy that was set later is what changed since, not what the move followed; the registry's default too."""
    promoted.set_policy(MODEL, {})
    (served,) = promoted.audit(MODEL, alias="production").served
    (fact,) = served.policies
    assert fact.source == "The model's own"
    assert fact.words[:2] == ("approvals by: legal, safety", "rule: metrics.f1 >= 0.9")
    assert [verdict.check for verdict in served.verdicts if not verdict] == ["rule metrics.f1 >= 0.9"]
    promoted.set_policy(None, policy(forbid=["pickle"], min_age="0s", after="staging"))
    promoted.set_alias(MODEL, "staging", "1.0.0")
    publish(promoted, b"3", version="2.0.0")
    promoted.set_alias(MODEL, "staging", "2.0.0")
    promoted.set_alias(MODEL, "production", "2.0.0")
    after = promoted.audit(MODEL, alias="production")
    assert [fact.source for fact in after.served[0].policies] == ["The registry's default"]
    assert "forbidden: pickle" in str(after)
    assert "the same version in staging first" in str(after)


def test_the_past_is_answered(promoted: mv.Registry) -> None:
    """At a time: what was served then, until when, and what changed since."""
    moves = promoted.history(MODEL, alias="production")
    audit = promoted.audit(MODEL, alias="production", at=moves[0].at)
    (served,) = audit.served
    assert served.change.version == "1.0.0"
    assert served.until is not None
    assert served.until.mark.at == moves[1].at
    assert [later.what for later in audit.since if "moved" in later.what] == [
        "production moved to 1.1.0 (promote), OVERRIDING gates that said no"
    ]
    assert any(later.what == "the model's own policy set" for later in audit.since)


def test_before_its_first_move_an_alias_named_nothing(promoted: mv.Registry) -> None:
    """That is an answer, no error; so is a deleted alias."""
    assert "production named nothing then" in str(promoted.audit(MODEL, alias="production", at="2001-01-01"))
    promoted.delete_alias(MODEL, "production")
    assert promoted.audit(MODEL, alias="production").served == ()
    assert len(promoted.audit(MODEL, alias="production").history) == 3


def test_all_aliases_at_once(promoted: mv.Registry) -> None:
    """Without an alias, the page is about all that the model had."""
    promoted.set_alias(MODEL, "staging", "1.0.0")
    audit = promoted.audit(MODEL)
    assert {served.change.alias: served.change.version for served in audit.served} == {
        "production": "1.1.0",
        "staging": "1.0.0",
    }
    assert {check.subject for check in audit.checks} >= {"bytes of 1.0.0", "bytes of 1.1.0"}


def test_what_happened_since(promoted: mv.Registry) -> None:
    """Later metrics, notes, rejections and a yank, with who and why."""
    promoted.record_metrics(f"{MODEL}:1.1.0", {"f1": 0.7}, dataset="prod")
    promoted.annotate(f"{MODEL}:1.1.0", "watched", tags={"fairness": "open"})
    promoted.reject(f"{MODEL}:1.1.0", role="safety", person=SAM, reason="changed my mind")
    with pytest.warns(UserWarning, match="serves"):
        promoted.yank(f"{MODEL}:1.1.0", reason="bad data")
    audit = promoted.audit(MODEL, alias="production")
    assert [(later.what, later.why) for later in audit.since] == [
        ("1.1.0 measured: f1 0.7", ""),
        ("1.1.0 annotated fairness=open", "watched"),
        (f"1.1.0 rejected by {SAM} as safety", "changed my mind"),
        ("1.1.0 yanked", "bad data"),
    ]
    assert "1.1.0 was yanked" in str(audit)


def test_damaged_bytes_do_not_hold(promoted: mv.Registry, root: Path) -> None:
    """A flipped byte of a served file is named; the page says so on top."""
    sha256 = next(file.sha256 for file in promoted.get(f"{MODEL}:1.1.0").files)
    blob = root / "blobs" / "sha256" / sha256[:2] / sha256
    blob.chmod(0o644)
    blob.write_bytes(b"x")
    audit = promoted.audit(MODEL, alias="production")
    assert not audit
    assert [check.subject for check in audit.checks if not check] == ["bytes of 1.1.0"]
    assert "> DOES NOT HOLD: bytes of 1.1.0" in str(audit)


@pytest.mark.parametrize("number", [2, 4])
def test_a_damaged_log_still_gets_a_page(promoted: mv.Registry, root: Path, number: int) -> None:
    """It tells what is sound, and that the chain is broken; another reader's memory doesn't matter."""
    path = sorted(path for path in objects(root) if path.startswith("models/") and "/log/" in path)[
        number - 1
    ]
    (root / path).chmod(0o644)
    data = (root / path).read_bytes()
    (root / path).write_bytes(data.replace(b"acme", b"bcme", 1))
    audit = mv.Registry(root).audit(MODEL)
    assert "chain of the model's log" in [check.subject for check in audit.checks if not check]
    assert audit.head[0] == number - 1


def test_a_commit_that_skipped_a_gate_does_not_hold(promoted: mv.Registry) -> None:
    """Whoever writes to the store by themselves can move an alias, and is found."""
    publish(promoted, b"3", version="2.0.0")

    def forge(state: Any) -> Proposal:
        entry, now = state.versions["2.0.0"], state.aliases["production"]
        return Proposal(
            (AliasSet(Alias("production"), "2.0.0", entry.digest, now.as_previous()),), "trust me"
        )

    promoted._session.log(ModelName(MODEL)).append(forge, by="mallory")
    audit = promoted.audit(MODEL, alias="production")
    (broken,) = [check for check in audit.checks if not check]
    assert broken.subject == "gates, asked again for every step"
    assert "moves production to 2.0.0" in broken.faults[0]


def test_a_signature_whose_key_was_not_trusted_does_not_hold(registry: mv.Registry) -> None:
    """It is neither proof nor a claim: it is a fault."""
    publish(registry)
    registry.set_policy(MODEL, policy())
    registry.approve(f"{MODEL}:1.0.0", role="legal", person=LEA, signer=KEY)
    registry.set_policy(MODEL, {"require": {"alias": {"production": {"approvals": []}}}})
    registry.set_alias(MODEL, "production", "1.0.0")
    audit = registry.audit(MODEL)
    (judged,) = audit.served[0].judged
    assert judged.worth == "signature does not hold"
    assert judged.against == "its key is not trusted for legal"
    assert not audit


def test_what_is_to_come_is_said_to_be(promoted: mv.Registry) -> None:
    """A time in the future has an answer that may change."""
    audit = promoted.audit(MODEL, at=datetime.now(UTC) + timedelta(days=1))
    assert any("yet to come" in note for note in audit.notes)


def test_unknown_names_are_not_found(promoted: mv.Registry) -> None:
    """Models and aliases; a time that is none is wrong input."""
    with pytest.raises(mv.NotFound, match="no such model"):
        promoted.audit("nope")
    with pytest.raises(mv.NotFound, match="never had this alias"):
        promoted.audit(MODEL, alias="champion")
    with pytest.raises(mv.InvalidValue, match="not a time"):
        promoted.audit(MODEL, at="last Tuesday")


def test_a_model_without_aliases(registry: mv.Registry) -> None:
    """Nothing was ever served, and all holds."""
    publish(registry)
    audit = registry.audit(MODEL)
    assert audit
    assert "No alias named anything then" in str(audit)


def test_text_page_and_data_say_the_same(promoted: mv.Registry) -> None:
    """Each has the answer, the approvals, the verdicts and the head; the data is JSON."""
    audit = promoted.audit(MODEL, alias="production")
    page = Reader(audit.html())
    data = json.dumps(audit.to_dict())
    for part in (
        "1.1.0",
        "the board agreed",
        LEA,
        SAM,
        "claimed, not signed",
        "metrics.f1 >= 0.9",
        audit.head[1],
    ):
        assert part in str(audit)
        assert part in page.text
        assert part in data
    assert page.tags.count("h1") == 1
    assert "production: 1.1.0" in Reader(audit._repr_html_()).text
    assert repr(audit) == "<Audit acme/fraud@production: holds>"


def test_hostile_text_does_nothing(memory: mv.Registry) -> None:
    """Actors, reasons, roles' holders and rules are text."""
    evil = "<img src=x onerror=alert(1)> [x](javascript:alert(1)) | ` ## \u202e"
    registry = mv.Registry(memory.url, actor="<b>eve</b> [x](y)")
    publish(registry, changelog=evil, metrics={evil: 0.5})
    registry.approve(f"{MODEL}:1.0.0", role="legal", person=evil, reason=evil, checklist=[evil])
    registry.set_policy(MODEL, {"require": {"alias": {"production": {"rules": ['name != "<img src=x>|`"']}}}})
    registry.set_alias(MODEL, "production", "1.0.0", reason=evil)
    registry.annotate(f"{MODEL}:1.0.0", evil, tags={evil: evil})
    audit = registry.audit(MODEL)
    for html in (to_html(str(audit)), audit.html(), audit._repr_html_()):
        read = Reader(html)
        assert not set(read.tags) & {"img", "a", "script", "b"}
        assert "alert(1)" in read.text or "eve" in read.text
        assert read.tags.count("h1") <= 1
    assert "\u202e" not in str(audit) + audit.html()


def test_status_has_approvals_and_what_they_are_worth(promoted: mv.Registry) -> None:
    """`registry.status` tells claims from signatures too."""
    promoted.reject(f"{MODEL}:1.1.0", role="legal", person=SAM, reason="no")
    status = promoted.status(f"{MODEL}:1.1.0")
    assert [(each.person, each.worth) for each in status.approvals] == [
        (LEA, "signed"),
        (SAM, "claimed, not signed"),
    ]
    assert status.approvals[0].against == f"{SAM} rejected the version afterwards"
    assert [each.person for each in status.rejections] == [SAM]
    assert "legal rejected: sam@example.org" in str(status)


def test_a_verdict_and_a_policy_of_a_newer_release_are_shown(registry: mv.Registry) -> None:
    """What can't be read is on the page as it is, and counts as no answer."""
    publish(registry, changelog="x")

    def forge(state: Any) -> Proposal:
        digest = state.versions["1.0.0"].digest
        policy = PolicySet({"require": {"alias": {"production": {"quorum": 3}}}})
        return Proposal((policy, AliasSet(Alias("production"), "1.0.0", digest, verdicts=({"check": 5},))))

    registry._session.log(ModelName(MODEL)).append(forge, by="newer")
    registry._session.log(ModelName(MODEL)).append(
        lambda state: Proposal((AliasSet(Alias("staging"), "1.0.0", state.versions["1.0.0"].digest),)),
        by="newer",
    )
    audit = registry.audit(MODEL)
    text = str(audit)
    assert not audit
    assert "a verdict that can't be read" in text
    assert "This release can't read it: an unknown key" in text
    assert '"quorum":3' in text


def test_clocks_that_disagree_are_told(registry: mv.Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer for a time between the two clocks depends on whom one believes; the page says so."""
    publish(registry, changelog="x")
    written = registry.history(MODEL)[-1].at

    class Slow(datetime):
        @classmethod
        def now(cls, _: tzinfo | None = None) -> datetime:
            return written - timedelta(minutes=3)

    monkeypatch.setattr(append, "datetime", Slow)
    registry.set_alias(MODEL, "production", "1.0.0")
    audit = registry.audit(MODEL, alias="production", at=written - timedelta(minutes=1))
    assert any("depends on whom you believe" in note for note in audit.notes)
    assert audit.served == ()
    assert any("was behind the log's time" in note for note in registry.audit(MODEL).notes)


def test_a_log_whose_first_commit_is_damaged_has_no_page(promoted: mv.Registry, root: Path) -> None:
    """There is nothing that could be told; the error names the object."""
    path = min(path for path in objects(root) if path.startswith("models/") and "/log/" in path)
    (root / path).chmod(0o644)
    (root / path).write_bytes(b"x" + (root / path).read_bytes())
    with pytest.raises(mv.LogTampered):
        mv.Registry(root).audit(MODEL)

"""Policies at work: what registering and moving an alias require, and who may say yes."""

import subprocess
import warnings
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest

import modelver as mv
from modelver.history.event import AliasSet
from modelver.log import Proposal
from modelver.registry.gates.gating import gate_registration
from tests.registries import MODEL, publish

ANA, BOB = "ana@acme.io", "bob@acme.io"


def key(folder: Path, name: str, kind: str = "ed25519") -> tuple[Path, str]:
    """Make a key as people do; return its file, and the public key in PEM."""
    path = folder / f"{name}.pem"
    curve = ["-pkeyopt", "ec_paramgen_curve:P-256"] if kind == "EC" else []
    subprocess.run(
        ["openssl", "genpkey", "-algorithm", kind, *curve, "-out", path], check=True, capture_output=True
    )
    public = subprocess.run(
        ["openssl", "pkey", "-in", path, "-pubout"], check=True, capture_output=True, text=True
    )
    return path, public.stdout


def asking(**fields: Any) -> dict[str, Any]:
    """Return a policy that asks something of production."""
    return {"require": {"alias": {"production": fields}}}


def failed(registry: mv.Registry, ref: str = f"{MODEL}:1.0.0", to: str = "production") -> dict[str, str]:
    """Return the checks that a promotion would fail, with their reasons."""
    promotion = registry.promote(ref, to=to, dry_run=True)
    return {verdict.check: verdict.reason for verdict in promotion.failed}


def test_what_registering_requires_is_told_before_anything_is_read(
    memory: mv.Registry, tmp_path: Path
) -> None:
    """All that is missing at once; no file is hashed, no dataset, and nothing is stored."""
    publish(memory, changelog="The first.")
    required = {"fields": ["changelog", "metadata.license", "metadata.data"], "forbid": ["pickle"]}
    memory.set_policy(MODEL, {"require": {"register": {**required, "rules": ["metrics.f1 >= 0.9"]}}})
    unreadable = tmp_path / "data.csv"
    unreadable.write_text("a,b")
    unreadable.chmod(0)
    with pytest.raises(mv.Refused) as refusal:
        memory.register(MODEL, {"model.pkl": b"x"}, data={"train": tmp_path / "gone.csv"}, capture=False)
    text = str(refusal.value)
    for told in (
        "field changelog",
        "field metadata.license",
        "no unsafe formats",
        "metrics.f1 >= 0.9: there is no f1",
    ):
        assert told in text
    assert [bool(verdict) for verdict in refusal.value.verdicts].count(False) == 4
    assert len(memory.versions(MODEL)) == 1
    version = publish(
        memory,
        b"2",
        changelog="x",
        metrics={"f1": 0.95},
        metadata={"license": "mit"},
        data=[mv.Dataset("train", digest="sha256:" + "0" * 64)],
    )
    assert version.created


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("model.pkl", b""),
        ("model.bin", b"\x80\x04\x95"),
        ("model.pt", b"PK\x03\x04 archive/data.pkl"),
        ("renamed.weights", b"PK\x03\x04.....archive/data.pkl"),
        ("old.pth", b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."),
        ("model.ckpt", b"7z\xbc\xaf\x27\x1c"),
        ("x.npy", b"\x93NUMPY\x01\x00v\x00{'descr': '|O', 'fortran_order': False"),
        ("y.npy", b"\x93NUMPY\x01\x00v\x00{'descr': 'O', 'fortran_order': False"),
        ("z.npy", b'\x93NUMPY\x01\x00v\x00{"descr": [("a", "<f4"), ("b", "|O")]'),
        ("model.pkl.gz", b"\x1f\x8b\x08"),
        ("pytorch_model.bin", b"cos\nsystem\n(S'true'\ntR."),
    ],
)
def test_formats_that_can_run_code_are_refused(path: str, data: bytes, memory: mv.Registry) -> None:
    """By what the file is, whatever it is called; at registration, and where a stored one would be promoted."""
    memory.register(MODEL, {path: data}, capture=False)
    memory.set_policy(
        MODEL, {"require": {"register": {"forbid": ["pickle"]}, **asking(forbid=["pickle"])["require"]}}
    )
    with pytest.raises(mv.UnsafeFormat, match=path):
        memory.register(MODEL, {path: data, "more": b"x"}, capture=False)
    with pytest.raises(mv.UnsafeFormat, match=path):
        memory.set_alias(MODEL, "production", "1.0.0")
    assert memory.register(MODEL, {"model.safe": b"weights"}, capture=False).created


def test_both_the_default_and_the_models_own_policy_hold(memory: mv.Registry) -> None:
    """A model's own policy takes nothing away."""
    publish(memory)
    memory.set_policy(None, asking(approvals=["legal"]))
    memory.set_policy(MODEL, asking(approvals=["risk"]))
    assert failed(memory) == {"approval legal": "nobody approved", "approval risk": "nobody approved"}
    memory.set_policy(MODEL, {})
    assert failed(memory) == {"approval legal": "nobody approved"}
    memory.approve(f"{MODEL}:1.0.0", role="legal", person=ANA)
    with pytest.raises(mv.NotFound):
        memory.set_policy("nothing", {})
    promotion = memory.promote(f"{MODEL}:1.0.0", to="production")
    assert promotion
    assert promotion.moved
    assert str(promotion.verdicts[0]) == "ok  approval legal: ana@acme.io, claimed"


def test_setting_an_alias_and_registering_with_one_pass_the_same_gates(memory: mv.Registry) -> None:
    """There is no way around them, and a refused registration leaves no version behind."""
    publish(memory)
    memory.set_policy(MODEL, asking(approvals=["legal"]))
    with pytest.raises(mv.ApprovalRequired):
        memory.set_alias(MODEL, "production", "1.0.0")
    with pytest.raises(mv.ApprovalRequired):
        publish(memory, b"2", aliases=["production"])
    assert [version.version for version in memory.versions(MODEL)] == ["1.0.0"]
    assert memory.aliases(MODEL) == {}
    memory.set_alias(MODEL, "canary", "1.0.0")


def test_stages_come_in_their_order_and_take_their_time(memory: mv.Registry) -> None:
    """The same version, not just any, must have been there, for long enough."""
    publish(memory)
    publish(memory, b"2")
    memory.set_policy(MODEL, asking(after="staging", min_age="1h"))
    memory.set_alias(MODEL, "staging", "1.1.0")
    assert set(failed(memory)) == {"after staging", "known for 1h in staging"}
    assert set(failed(memory, f"{MODEL}:1.1.0")) == {"known for 1h in staging"}
    memory.set_policy(MODEL, asking(after="staging", min_age="0s"))
    assert memory.promote(f"{MODEL}@staging", to="production").version.version == "1.1.0"


def test_only_the_time_that_a_version_spent_in_a_stage_counts(
    memory: mv.Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What left after a moment has not been there for an hour since; several stays add up."""
    first = publish(memory, aliases=["staging"])
    second = publish(memory, b"2", aliases=["staging"])
    memory.set_policy(MODEL, asking(after="staging", min_age="1h"))
    now = datetime.now(UTC)

    def wait(minutes: int) -> None:
        class Later(datetime):
            @classmethod
            def now(cls, tz: Any = None) -> Any:
                return (now + timedelta(minutes=minutes)).astimezone(tz)

        for module in ("log.append", "registry.gates.gating", "registry.governing.regating"):
            monkeypatch.setattr(f"modelver.{module}.datetime", Later)

    wait(61)
    assert failed(memory) == {"known for 1h in staging": "0.0 h in staging"}
    assert failed(memory, f"{MODEL}:1.1.0") == {}
    memory.set_alias(MODEL, "staging", first)
    wait(92)
    memory.set_alias(MODEL, "staging", second)
    wait(200)
    assert failed(memory) == {"known for 1h in staging": "0.5 h in staging"}
    memory.set_alias(MODEL, "staging", first)
    wait(231)
    memory.delete_alias(MODEL, "staging")
    assert memory.promote(first, to="production").moved
    assert memory.verify()


def test_rules_compare_with_what_is_served_and_tell_the_figures(memory: mv.Registry) -> None:
    """The first version has nothing to be compared with; the alias's deletion doesn't make the next one first."""
    publish(memory, metrics=[mv.Metric("f1", 0.92), mv.Metric("f1", 0.9, slice="region=EU")])
    publish(memory, b"2", metrics=[mv.Metric("f1", 0.89), mv.Metric("f1", 0.8, slice="region=EU")])
    rules = ["metrics.f1 >= current.metrics.f1 - 0.01", "slices.all(s, s.f1 >= 0.85)"]
    memory.set_policy(MODEL, asking(rules=rules))
    assert memory.promote(f"{MODEL}:1.0.0", to="production")
    found = {f"rule {rules[0]}": "f1 is 0.89, f1 was 0.92", f"rule {rules[1]}": "region=EU: f1 is 0.8"}
    assert failed(memory, f"{MODEL}:1.1.0") == found
    memory.delete_alias(MODEL, "production")
    assert failed(memory, f"{MODEL}:1.1.0") == found
    memory.record_metrics(f"{MODEL}:1.1.0", {"f1": 0.93})
    memory.record_metrics(f"{MODEL}:1.1.0", {"f1": 0.9}, slice="region=EU")
    assert memory.promote(f"{MODEL}:1.1.0", to="production")


def test_an_approval_for_an_alias_counts_until_it_moves(memory: mv.Registry) -> None:
    """So that it can't be used again after a rollback."""
    publish(memory)
    publish(memory, b"2")
    memory.set_policy(MODEL, asking(approvals=["legal"]))
    memory.approve(f"{MODEL}:1.0.0", role="legal", person=ANA)
    memory.promote(f"{MODEL}:1.0.0", to="production")
    memory.approve(f"{MODEL}:1.1.0", role="legal", person=ANA, to="production")
    assert failed(memory, f"{MODEL}:1.1.0", to="production") == {}
    memory.promote(f"{MODEL}:1.1.0", to="production")
    memory.rollback(MODEL, "production", reason="bad")
    assert failed(memory, f"{MODEL}:1.1.0") == {
        "approval legal": "that of ana@acme.io doesn't count: production has moved since"
    }


def test_a_rejection_undoes_what_the_role_approved(memory: mv.Registry) -> None:
    """Until it approves again."""
    publish(memory)
    memory.set_policy(MODEL, asking(approvals=["legal"]))
    memory.approve(f"{MODEL}:1.0.0", role="legal", person=ANA)
    memory.reject(f"{MODEL}:1.0.0", role="legal", person=BOB, reason="consent is missing")
    assert "bob@acme.io rejected" in failed(memory)["approval legal"]
    memory.approve(f"{MODEL}:1.0.0", role="legal", person=BOB)
    assert failed(memory) == {}
    with pytest.raises(mv.InvalidValue, match="reason"):
        memory.reject(f"{MODEL}:1.0.0", role="legal", reason=" ")


def test_a_rejection_for_one_alias_leaves_others_alone(memory: mv.Registry) -> None:
    """It undoes approvals for steps of that alias, however they were given; one for no alias undoes all."""
    publish(memory)
    legal = {"approvals": ["legal"]}
    memory.set_policy(MODEL, {"require": {"alias": {"staging": legal, "production": legal}}})
    ref = f"{MODEL}:1.0.0"
    for to in (None, "staging", "production"):
        memory.approve(ref, role="legal", person=ANA, to=to)
    memory.reject(ref, role="legal", person=BOB, reason="not there", to="staging")
    assert "approval legal" in failed(memory, to="staging")
    assert failed(memory) == {}
    counts = {each.alias: not each.against for each in memory.status(ref).approvals}
    assert counts == {"": True, "staging": False, "production": True}
    assert len(memory.search('"legal" in approvals')) == 1
    memory.reject(ref, role="legal", person=BOB, reason="nowhere")
    assert "approval legal" in failed(memory)
    assert all("bob@acme.io rejected" in each.against for each in memory.status(ref).approvals)
    assert len(memory.search('"legal" in approvals')) == 0


def test_nobody_approves_their_own_version_where_the_policy_says_so(memory: mv.Registry) -> None:
    """Neither under their name, nor under another's in their own session."""
    publish(memory)
    memory.set_policy(MODEL, asking(approvals=["legal"], separate=True))
    memory.approve(f"{MODEL}:1.0.0", role="legal")
    memory.approve(f"{MODEL}:1.0.0", role="legal", person=ANA)
    assert "registered the version" in failed(memory)["approval legal"]


def test_finalizing_by_another_makes_no_version_somebody_elses(tmp_path: Path) -> None:
    """Who registered the pre-release registered what is served; who made it a release, too."""
    bob, carol, dora = (mv.Registry(tmp_path / "registry", actor=actor) for actor in ("bob", "carol", "dora"))
    publish(bob, version="1.0.0-rc.1")
    bob.set_policy(MODEL, asking(approvals=["legal"], separate=True))
    carol.finalize(f"{MODEL}:1.0.0-rc.1")
    bob.approve(f"{MODEL}:1.0.0", role="legal")
    assert "bob registered 1.0.0-rc.1, which it finalizes" in failed(bob)["approval legal"]
    carol.approve(f"{MODEL}:1.0.0", role="legal")
    assert "carol registered the version" in failed(bob)["approval legal"]
    dora.approve(f"{MODEL}:1.0.0", role="legal")
    assert failed(bob) == {}


def test_a_checklist_is_gone_through_point_by_point(memory: mv.Registry) -> None:
    """By name all at once, or by several people."""
    publish(memory)
    memory.set_policy(
        MODEL, {**asking(checklists=["launch", "ethics"]), "checklists": {"launch": ["One.", "Two."]}}
    )
    memory.approve(f"{MODEL}:1.0.0", role="product", checklist=["One.", "ethics"])
    assert failed(memory) == {"checklist launch": "1 of 2 points are open, such as: Two."}
    memory.approve(f"{MODEL}:1.0.0", role="support", checklist="launch")
    assert failed(memory) == {}


def test_an_override_needs_a_reason_and_stays_on_record(memory: mv.Registry) -> None:
    """The history shows it, and a policy may forbid it."""
    publish(memory)
    publish(memory, b"2")
    memory.set_policy(MODEL, asking(approvals=["legal"]))
    with pytest.raises(mv.InvalidValue, match="needs a reason"):
        memory.promote(f"{MODEL}:1.0.0", to="production", override=True)
    promotion = memory.promote(f"{MODEL}:1.0.0", to="production", override=True, reason="the CTO said so")
    assert promotion.override
    assert not promotion
    entry = memory.history(MODEL, alias="production")[-1]
    assert (entry.override, entry.reason) == (True, "the CTO said so")
    assert "OVER FAILED CHECKS" in str(entry)
    memory.set_policy(MODEL, asking(approvals=["legal"], override=False))
    with pytest.raises(mv.Refused, match="anybody pass over"):
        memory.promote(f"{MODEL}:1.1.0", to="production", override=True, reason="again")
    assert memory.verify()


def test_a_rollback_is_never_held_up(memory: mv.Registry) -> None:
    """A bad release goes at once; what the gates say is noted."""
    publish(memory)
    publish(memory, b"2")
    memory.set_alias(MODEL, "production", "1.0.0")
    memory.set_alias(MODEL, "production", "1.1.0")
    memory.set_policy(MODEL, asking(approvals=["legal"], rules=["metrics.f1 > 0.5"]))
    assert memory.rollback(MODEL, "production", reason="bad").version == "1.0.0"
    assert memory.verify()


@pytest.mark.parametrize("kind", ["ed25519", "EC"])
def test_with_keys_only_a_signature_counts(kind: str, memory: mv.Registry, tmp_path: Path) -> None:
    """A claim is shown as one; a signature by a key that is trusted for the role and person is a proof."""
    private, public = key(tmp_path, "ana", kind)
    publish(memory)
    keys = {ANA: {"roles": ["legal"], "public_key": public}}
    memory.set_policy(None, {**asking(approvals=["legal"], signature=True), "keys": keys})
    memory.approve(f"{MODEL}:1.0.0", role="legal", person=ANA)
    assert "a claim, not signed" in failed(memory)["approval legal"]
    memory.approve(f"{MODEL}:1.0.0", role="legal", person=ANA, signer=private, reason="looked at it")
    promotion = memory.promote(f"{MODEL}:1.0.0", to="production")
    assert promotion.verdicts[0].reason == "ana@acme.io, signed"
    assert memory.verify()


def test_a_key_that_no_policy_trusts_is_told_at_once(memory: mv.Registry, tmp_path: Path) -> None:
    """With the fingerprint to be added; so is a key of another kind, and what is no key."""
    private, public = key(tmp_path, "ana")
    publish(memory)
    with pytest.raises(mv.InvalidValue, match="no policy trusts this key"):
        memory.approve(f"{MODEL}:1.0.0", role="legal", person=ANA, signer=private)
    memory.set_policy(None, {"keys": {ANA: {"roles": ["legal"], "public_key": public}}})
    for role, person in (("risk", ANA), ("legal", BOB)):
        with pytest.raises(mv.InvalidValue, match="no policy trusts this key"):
            memory.approve(f"{MODEL}:1.0.0", role=role, person=person, signer=private)
    rsa, _ = key(tmp_path, "rsa", "RSA")
    with pytest.raises(mv.InvalidValue, match="Ed25519 or ECDSA"):
        memory.approve(f"{MODEL}:1.0.0", role="legal", person=ANA, signer=rsa)
    (tmp_path / "none.pem").write_text("hello")
    with pytest.raises(mv.InvalidValue, match="not a private key"):
        memory.approve(f"{MODEL}:1.0.0", role="legal", person=ANA, signer=tmp_path / "none.pem")
    with pytest.raises(mv.NotFound, match="openssl genpkey"):
        memory.approve(f"{MODEL}:1.0.0", role="legal", person=ANA, signer=tmp_path / "gone.pem")


def test_a_revoked_key_counts_no_more(memory: mv.Registry, tmp_path: Path) -> None:
    """Nor did what it signed before."""
    private, public = key(tmp_path, "ana")
    publish(memory)
    policy = {**asking(approvals=["legal"]), "keys": {ANA: {"roles": ["legal"], "public_key": public}}}
    memory.set_policy(None, policy)
    memory.approve(f"{MODEL}:1.0.0", role="legal", person=ANA, signer=private)
    assert failed(memory) == {}
    fingerprint = memory.policy().keys[0].fingerprint
    memory.set_policy(None, {**policy, "revoked": [fingerprint]})
    assert "revoked" in failed(memory)["approval legal"]


def test_an_approval_expires(memory: mv.Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the time that was given, and not before."""
    publish(memory)
    memory.set_policy(MODEL, asking(approvals=["legal"]))
    memory.approve(f"{MODEL}:1.0.0", role="legal", person=ANA, expires="2d")
    assert failed(memory) == {}
    later = datetime.now(UTC) + timedelta(days=3)

    class Later(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return later.astimezone(tz)

    monkeypatch.setattr("modelver.registry.gates.gating.datetime", Later)
    assert "it expired" in failed(memory)["approval legal"]


@pytest.mark.parametrize(
    "expires", ["yesterday", "2020-01-01", timedelta(seconds=-1), datetime(2020, 1, 1, tzinfo=UTC), "0d"]
)
def test_a_time_that_has_passed_is_no_expiry(expires: Any, memory: mv.Registry) -> None:
    """Nothing is recorded."""
    publish(memory)
    with pytest.raises(mv.InvalidValue, match="not a time to come"):
        memory.approve(f"{MODEL}:1.0.0", role="legal", expires=expires)
    assert memory.history(MODEL)[-1].action == "registered"


def test_repeating_an_approval_with_its_commit_id_says_it_once(memory: mv.Registry) -> None:
    """And the id can't stand for something else."""
    publish(memory)
    for _ in range(2):
        memory.approve(f"{MODEL}:1.0.0", role="legal", person=ANA, commit_id="once", expires="3d")
    assert [entry.action for entry in memory.history(MODEL)].count("approved") == 1
    with pytest.raises(mv.AlreadyExists):
        memory.reject(f"{MODEL}:1.0.0", role="legal", person=ANA, reason="no", commit_id="once")
    for _ in range(2):
        memory.set_policy(MODEL, asking(approvals=["legal"]), commit_id="policy")
    with pytest.raises(mv.AlreadyExists):
        memory.set_policy(MODEL, {}, commit_id="policy")


def test_a_dry_run_knows_that_a_yanked_version_is_never_served(memory: mv.Registry) -> None:
    """Also for an alias of which no policy asks anything, as the move itself is refused."""
    version = publish(memory, changelog="x")
    memory.yank(version, reason="licence")
    promotion = memory.promote(version, to="staging", dry_run=True)
    assert [(verdict.check, verdict.passed) for verdict in promotion.verdicts] == [("not yanked", False)]
    with pytest.raises(mv.Refused, match="yanked"):
        memory.promote(version, to="staging")


def test_a_base_that_was_yanked_bars_what_was_made_from_it(memory: mv.Registry) -> None:
    """Where the policy says so."""
    memory.register("base", {"w": b"1"}, capture=False)
    publish(memory, base="base:1.0.0")
    memory.set_policy(MODEL, asking(forbid=["yanked_base", "prerelease"]))
    assert failed(memory) == {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        memory.yank("base:1.0.0", reason="licence")
    assert failed(memory) == {"no yanked base": "yanked: base:1.0.0"}
    publish(memory, b"2", version="2.0.0-rc.1")
    assert failed(memory, f"{MODEL}:2.0.0-rc.1") == {"no pre-release": "2.0.0-rc.1 is one"}


def test_a_policy_is_read_from_the_project_file(memory: mv.Registry, tmp_path: Path) -> None:
    """Of a modelver.toml the tables that are a policy, of a pyproject.toml those of the tool; faults have their path."""
    publish(memory)
    text = '[model]\nname = "x"\n[require.alias.production]\napprovals = ["legal"]\n'
    (tmp_path / "modelver.toml").write_text(text)
    policy = memory.set_policy(MODEL, tmp_path / "modelver.toml", reason="agreed")
    assert policy.aliases[mv.Alias("production")].approvals == ("legal",)
    assert memory.policy(MODEL) == policy
    assert memory.policy() == mv.Policy()
    (tmp_path / "pyproject.toml").write_text(
        text.replace("[model]", "[tool.modelver.model]").replace("[req", "[tool.modelver.req")
    )
    assert memory.set_policy(MODEL, tmp_path / "pyproject.toml") == policy
    for bad, told in {"[": "not TOML", "\xff": "not TOML", "[require.alias.x]\nafter = 3": "x.after"}.items():
        (tmp_path / "bad.toml").write_bytes(bad.encode("latin-1"))
        with pytest.raises(mv.InvalidValue, match=told):
            memory.set_policy(MODEL, tmp_path / "bad.toml")
    with pytest.raises(mv.NotFound):
        memory.set_policy(MODEL, tmp_path / "gone.toml")


def test_an_unreadable_policy_stops_writers_and_no_rollback(memory: mv.Registry) -> None:
    """What a newer release asks for may not be passed over."""
    from modelver.history.governing import PolicySet

    publish(memory)
    publish(memory, b"2")
    for version in ("1.0.0", "1.1.0"):
        memory.set_alias(MODEL, "production", version)
    log = memory._session.log(mv.ModelName(MODEL))
    log.append(lambda _: Proposal((PolicySet({"require": {"moon": {"phase": "full"}}}),)), by="newer")
    with pytest.raises(mv.InvalidValue, match="moon"):
        memory.set_alias(MODEL, "canary", "1.0.0")
    with pytest.raises(mv.InvalidValue, match="moon"):
        publish(memory, b"3")
    assert memory.rollback(MODEL, "production", reason="bad").version == "1.0.0"


def test_a_promotion_shows_itself(memory: mv.Registry) -> None:
    """As text and in a notebook, with what failed; hostile texts stay text."""
    publish(memory)
    memory.set_policy(MODEL, asking(rules=['name != "<script>"'], approvals=["legal"]))
    promotion = memory.promote(f"{MODEL}:1.0.0", to="production", dry_run=True)
    assert "NO  approval legal: nobody approved" in str(promotion)
    assert "<script>" not in promotion._repr_html_()
    with pytest.raises(mv.ApprovalRequired):
        promotion.raise_if_failed()


def test_each_policy_asks_for_its_own_checklist(memory: mv.Registry) -> None:
    """A model's checklist that is called as one of the default's is gone through too, and both by their one name."""
    publish(memory)
    default = {"checklists": {"launch": ["A"]}, **asking(checklists=["launch"])}
    memory.set_policy(None, default)
    memory.set_policy(MODEL, {"checklists": {"launch": ["B"]}, **asking(checklists=["launch"])})
    memory.approve(f"{MODEL}:1.0.0", role="risk", checklist=["A"])
    assert failed(memory) == {"checklist launch": "1 of 1 points are open, such as: B"}
    memory.approve(f"{MODEL}:1.0.0", role="risk", checklist="launch")
    assert memory.promote(f"{MODEL}:1.0.0", to="production").moved
    assert memory.verify()


def test_a_models_policy_does_not_add_to_whom_the_default_trusts(memory: mv.Registry, tmp_path: Path) -> None:
    """Where the default has keys for a role, a key of the model's own policy says nothing to it."""
    publish(memory)
    _, public = key(tmp_path, "ana")
    bobs, bobs_public = key(tmp_path, "bob")
    memory.set_policy(
        None, {"keys": {ANA: {"roles": ["legal"], "public_key": public}}, **asking(approvals=["legal"])}
    )
    memory.set_policy(MODEL, {"keys": {BOB: {"roles": ["legal"], "public_key": bobs_public}}})
    memory.approve(f"{MODEL}:1.0.0", role="legal", person=BOB, signer=bobs)
    assert failed(memory) == {
        "approval legal": f"that of {BOB} doesn't count: its key is not trusted for legal"
    }


def test_what_one_policy_lets_pass_says_nothing_to_the_other(memory: mv.Registry, tmp_path: Path) -> None:
    """A move that only the model's own check lets pass is found, and the audit shows whose approval is refused."""
    version = publish(memory)
    _, anas_key = key(tmp_path, "ana")
    bobs, bobs_key = key(tmp_path, "bob")
    legal = asking(approvals=["legal"])
    memory.set_policy(None, {"keys": {ANA: {"roles": ["legal"], "public_key": anas_key}}, **legal})
    memory.set_policy(MODEL, {"keys": {BOB: {"roles": ["legal"], "public_key": bobs_key}}, **legal})
    ref = f"{MODEL}:1.0.0"
    memory.approve(ref, role="legal", person=BOB, signer=bobs)
    said = ({"check": "approval legal", "passed": True, "reason": f"{BOB}, signed", "kind": "approval"},)
    move = AliasSet(mv.Alias("production"), "1.0.0", version.digest, None, "promote", said, 1)
    inject(memory, move)
    assert "although 1 checks fail: approval legal" in str(memory.verify())
    (served,) = memory.audit(MODEL, alias="production").served
    assert served.judged[0].worth == "signed"
    assert served.judged[0].against == "for one of the policies: its key is not trusted for legal"


def test_both_policies_answers_to_one_check_are_on_record(memory: mv.Registry, tmp_path: Path) -> None:
    """A commit that tells one answer where two policies gave two is found; the honest one is not."""
    version = publish(memory)
    for whom, model in ((ANA, None), (BOB, MODEL)):
        private, public = key(tmp_path, whom)
        keys = {whom: {"roles": ["legal"], "public_key": public}}
        memory.set_policy(model, {"keys": keys, **asking(approvals=["legal"])})
        memory.approve(f"{MODEL}:1.0.0", role="legal", person=whom, signer=private)
    memory.promote(f"{MODEL}:1.0.0", to="production")
    assert memory.verify()
    assert memory.audit(MODEL, alias="production")
    moved = memory._session.log(mv.ModelName(MODEL)).state().aliases["production"]
    move = AliasSet(
        moved.alias, moved.version, version.digest, moved.as_previous(), "promote", moved.verdicts[:1], 1
    )
    inject(memory, move)
    assert "other verdicts" in str(memory.verify())


def test_a_role_means_the_same_in_every_case(memory: mv.Registry, tmp_path: Path) -> None:
    """A key for Legal is one for legal, so a claim doesn't count; a rejection by LEGAL undoes what legal approved."""
    publish(memory)
    anas, public = key(tmp_path, "ana")
    keys = {ANA: {"roles": ["Legal"], "public_key": public}}
    memory.set_policy(MODEL, {"keys": keys, **asking(approvals=["legal"])})
    memory.approve(f"{MODEL}:1.0.0", role="legal", person=BOB)
    assert "not signed" in failed(memory)["approval legal"]
    memory.approve(f"{MODEL}:1.0.0", role="LEGAL", person=ANA, signer=anas)
    assert not failed(memory)
    memory.reject(f"{MODEL}:1.0.0", role="Legal", reason="no", person=ANA)
    assert "rejected the version afterwards" in failed(memory)["approval legal"]


def test_a_rule_about_the_number_waits_until_there_is_one(memory: mv.Registry) -> None:
    """It is not asked before anything is read, and it is asked before the commit."""
    memory.create_model(MODEL)
    memory.set_policy(MODEL, {"require": {"register": {"rules": ['semver(version) < semver("2.0.0")']}}})
    assert publish(memory).version == "1.0.0"
    with pytest.raises(mv.Refused, match="semver"):
        memory.register(MODEL, {"w": b"2"}, version="2.0.0", capture=False)
    assert memory.verify()


def test_a_base_that_is_yanked_at_the_same_moment_is_nobodys_fault(
    memory: mv.Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gates were asked just before another log said so."""
    memory.register("base", {"w": b"b"}, capture=False)
    memory.create_model(MODEL)
    memory.set_policy(MODEL, {"require": {"register": {"forbid": ["yanked_base"]}}})

    def ask(*arguments: Any) -> Any:
        said = gate_registration(*arguments)
        memory.yank("base:1.0.0", reason="bad")
        return said

    monkeypatch.setattr("modelver.registry.versions.committing.gate_registration", ask)
    memory.register(MODEL, {"w": b"1"}, base=["base:1.0.0"], capture=False)
    assert memory.verify()


def signed(registry: mv.Registry, folder: Path) -> tuple[Any, dict[str, Any]]:
    """Register two versions of a model, sign an approval of the first; return its event, and the policy."""
    private, public = key(folder, "ana")
    for content in (b"1", b"2"):
        publish(registry, content)
    policy = {
        **asking(approvals=["legal"]),
        "keys": {ANA: {"roles": ["legal", "risk"], "public_key": public}},
    }
    registry.set_policy(None, policy)
    registry.approve(
        f"{MODEL}:1.0.0",
        role="legal",
        person=ANA,
        signer=private,
        to="production",
        expires="30d",
        reason="fine",
    )
    entry = registry._session.log(mv.ModelName(MODEL)).state().versions["1.0.0"]
    return entry.approvals[-1].said, policy


def inject(registry: mv.Registry, event: Any, model: str = MODEL) -> None:
    """Write an event as somebody does who has the store and no key."""
    registry._session.log(mv.ModelName(model)).append(lambda _: Proposal((event,)), by="forger")


@pytest.mark.parametrize(
    "changed",
    [
        {"role": "risk"},
        {"person": BOB},
        {"reason": "other"},
        {"alias": "canary"},
        {"alias": "", "generation": 0},
        {"generation": 99},
        {"expires": None},
        {"checklist": ("Two.",)},
    ],
    ids=str,
)
def test_a_signature_is_for_what_it_says_and_nothing_else(
    changed: dict[str, Any], memory: mv.Registry, tmp_path: Path
) -> None:
    """Whatever is changed in a signed approval, it is refused, and shown as no proof."""
    said, policy = signed(memory, tmp_path)
    forged = attrs.evolve(said, **changed)
    publish(memory, b"3")
    third = memory._session.log(mv.ModelName(MODEL)).state().versions["1.2.0"]
    inject(memory, attrs.evolve(forged, version="1.2.0", digest=third.digest))
    inject(memory, forged)
    role = changed.get("role", "legal")
    alias = changed.get("alias") or "production"
    memory.set_policy(
        None, {**policy, "require": {"alias": {alias: {"approvals": [role], "signature": True}}}}
    )
    assert f"approval {role}" in failed(memory, f"{MODEL}:1.2.0", alias)
    worth = [each.worth for each in memory.status(f"{MODEL}:1.0.0").approvals]
    assert worth == ["signed", "signature does not hold"]


def test_a_signature_does_not_go_to_another_version_model_or_registry(
    memory: mv.Registry, tmp_path: Path
) -> None:
    """Not even where the same content is registered under the same number."""
    said, policy = signed(memory, tmp_path)
    second = memory._session.log(mv.ModelName(MODEL)).state().versions["1.1.0"]
    inject(memory, attrs.evolve(said, version="1.1.0", digest=second.digest))
    assert "does not verify" in failed(memory, f"{MODEL}:1.1.0")["approval legal"]
    memory.register("other", {"model.bin": b"1"}, capture=False)
    other = memory._session.log(mv.ModelName("other")).state().versions["1.0.0"]
    inject(memory, attrs.evolve(said, digest=other.digest), "other")
    assert "does not verify" in failed(memory, "other:1.0.0")["approval legal"]
    elsewhere = mv.Registry(tmp_path / "elsewhere", actor="tester@example.org")
    same = publish(elsewhere, b"1")
    assert same.digest == said.digest
    elsewhere.set_policy(None, policy)
    inject(elsewhere, said)
    assert "does not verify" in failed(elsewhere)["approval legal"]


@pytest.mark.parametrize("kind", ["ed25519", "EC"])
def test_a_signed_approval_is_not_used_again_after_a_rejection(
    kind: str, memory: mv.Registry, tmp_path: Path
) -> None:
    """Whoever writes it again, and with fields that are not signed: gates, verify, audit and search see it where it was."""
    private, public = key(tmp_path, "ana", kind)
    version = publish(memory)
    keys = {ANA: {"roles": ["legal"], "public_key": public}}
    memory.set_policy(MODEL, {"keys": keys, **asking(approvals=["legal"])})
    ref = f"{MODEL}:1.0.0"
    memory.approve(ref, role="legal", person=ANA, signer=private)
    memory.reject(ref, role="legal", person=ANA, signer=private, reason="found a leak")
    said = memory._session.log(mv.ModelName(MODEL)).state().versions["1.0.0"].approvals[0].said
    inject(memory, said)
    inject(memory, attrs.evolve(said, unknown={"kind": "other"}))
    refused = f"{ANA} rejected the version afterwards"
    assert failed(memory) == {"approval legal": f"that of {ANA} doesn't count: {refused}"}
    assert {each.against for each in memory.status(ref).approvals} == {refused}
    assert list(memory.search('"legal" in approvals')) == []
    claimed = ({"check": "approval legal", "passed": True, "kind": "approval"},)
    inject(memory, AliasSet(mv.Alias("production"), "1.0.0", version.digest, None, "promote", claimed))
    assert refused in str(memory.verify())
    (served,) = memory.audit(MODEL, alias="production").served
    assert {each.against for each in served.judged if each.decision == "approved"} == {refused}


def test_approving_again_after_a_rejection_takes_new_words(memory: mv.Registry, tmp_path: Path) -> None:
    """The same ones are refused at once, with what to do; repeating a call that was written is not."""
    private, public = key(tmp_path, "ana", "EC")
    publish(memory)
    keys = {ANA: {"roles": ["legal"], "public_key": public}}
    memory.set_policy(MODEL, {"keys": keys, **asking(approvals=["legal"])})
    words: dict[str, Any] = {"role": "legal", "person": ANA, "signer": private}
    for _ in range(2):
        memory.approve(f"{MODEL}:1.0.0", commit_id="once", **words)
    memory.approve(f"{MODEL}:1.0.0", **words)
    memory.reject(f"{MODEL}:1.0.0", reason="found a leak", to="production", **words)
    memory.approve(f"{MODEL}:1.0.0", commit_id="once", **words)
    with pytest.raises(mv.InvalidValue, match="another reason"):
        memory.approve(f"{MODEL}:1.0.0", **words)
    assert "approval legal" in failed(memory)
    memory.approve(f"{MODEL}:1.0.0", reason="the leak is closed", **words)
    assert failed(memory) == {}


def test_a_mirror_brings_policies_and_approvals_and_its_gates_hold(
    memory: mv.Registry, tmp_path: Path
) -> None:
    """A signature is as good there as here: the registry is the same."""
    signed(memory, tmp_path)
    memory.promote(f"{MODEL}:1.0.0", to="production", reason="good")
    memory.mirror(to=tmp_path / "copy")
    copy = mv.Registry(tmp_path / "copy", cache_dir=tmp_path / "cache")
    assert copy.policy() == memory.policy()
    assert [str(each) for each in copy.status(f"{MODEL}:1.0.0").approvals] == [
        str(each) for each in memory.status(f"{MODEL}:1.0.0").approvals
    ]
    assert copy.verify()
    assert copy.audit(MODEL, alias="production")

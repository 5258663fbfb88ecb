"""The audit's page from values alone: what it says first, and what it does not hide."""

from datetime import UTC, datetime, timedelta

import attrs

from modelver.history.event import Previous
from modelver.history.state import AliasChange, Mark
from modelver.publish.audit import Audit, Check, Later, PolicyFact, Served
from modelver.publish.judged import Judged
from modelver.values.digest import Digest
from modelver.values.name import Alias
from modelver.values.verdict import Verdict
from tests.publish.support import Reader

AT = datetime(2026, 11, 17, 15, tzinfo=UTC)
DIGEST = Digest.of(b"1")
CHANGE = AliasChange(
    Alias("production"),
    "promote",
    Mark(7, AT, AT, "lena@example.org", "agreed"),
    "1.1.0",
    DIGEST,
    Previous("1.0.0", DIGEST, 3),
)
AUDIT = Audit(
    registry="s3://acme/models",
    registry_id="ab" * 16,
    model="acme/fraud",
    alias="production",
    at=AT,
    made_at=AT + timedelta(days=3),
    made_by="auditor@example.org",
    head=(9, "cd" * 32),
    served=(Served(CHANGE, None, Mark(5, AT - timedelta(days=1), AT, "ci@example.org")),),
    since=(),
    history=(CHANGE,),
    checks=(Check("chain of the model's log", (), "9 commits"),),
)


def test_the_answer_comes_first() -> None:
    """What was served since when and by whom; then, whether it holds."""
    lines = str(AUDIT).splitlines()
    assert lines[0] == "# Audit of acme/fraud@production"
    assert lines[4] == (
        "> production: 1.1.0, since 2026-11-17 15:00:00 UTC; put there by lena@example.org (promote)."
    )
    assert lines[6].startswith("> Everything that was checked holds")
    assert "No verdicts are on record" in str(AUDIT)
    assert "No policy held then" in str(AUDIT)
    assert "Nobody had approved or rejected" in str(AUDIT)


def test_what_does_not_hold_comes_before_the_rest() -> None:
    """All that is broken is named on top, with its faults below; the audit is false."""
    broken = attrs.evolve(AUDIT, checks=(Check("bytes of 1.1.0", ("a blob is damaged",)), Check("chain")))
    assert not broken
    assert "> DOES NOT HOLD: bytes of 1.1.0. What this page says is in doubt." in str(broken)
    assert "| bytes of 1.1.0 | DOES NOT HOLD | a blob is damaged |" in str(broken)
    assert repr(broken) == "<Audit acme/fraud@production: does not hold>"


def test_an_override_without_verdicts_is_flagged_all_the_same() -> None:
    """Whatever is on record."""
    forced = attrs.evolve(CHANGE, override=True)
    audit = attrs.evolve(AUDIT, served=(attrs.evolve(AUDIT.served[0], change=forced),), history=(forced,))
    assert "> OVERRIDE: production was moved although gates said no: nothing on record." in str(audit)


def test_a_clock_that_was_behind_is_shown() -> None:
    """The log's time and the writer's stand side by side."""
    late = attrs.evolve(CHANGE, mark=attrs.evolve(CHANGE.mark, clock=AT - timedelta(minutes=4)))
    audit = attrs.evolve(AUDIT, served=(attrs.evolve(AUDIT.served[0], change=late),))
    assert "writer's clock: 2026-11-17 14:56:00 UTC" in str(audit)


def test_a_policy_that_cannot_be_read_is_shown_as_it_is() -> None:
    """Its JSON stands there; one that asks nothing of the alias says so."""
    mark = Mark(2, AT, AT, "lena@example.org")
    facts = (
        PolicyFact(
            "The model's own", mark, (), {"require": {"new": 1}}, "This release can't read it: unknown"
        ),
        PolicyFact("The registry's default", mark, (), {"require": {}}),
    )
    audit = attrs.evolve(AUDIT, served=(attrs.evolve(AUDIT.served[0], policies=facts),))
    assert '{"require":{"new":1}}' in str(audit)
    assert "It asks nothing of production." in str(audit)
    assert '{"require":{"new":1}}' in Reader(audit.html()).text


def test_long_tables_are_counted() -> None:
    """A page of a year of moves stays a page."""
    later = tuple(Later(AT, "a@example.org", f"thing {number}") for number in range(1_000))
    verdicts = tuple(Verdict(f"check {number}", passed=True) for number in range(300))
    judged = tuple(Judged("approved", "legal", f"p{number}", AT, "ci") for number in range(300))
    served = attrs.evolve(AUDIT.served[0], verdicts=verdicts, judged=judged)
    audit = attrs.evolve(AUDIT, served=(served,), since=later, history=(CHANGE,) * 2_000)
    text = str(audit)
    assert text.count("… and 100 more") == 2
    assert "… and 800 more" in text
    assert "… and 1,500 more" in text
    assert len(audit.html()) < 500_000


def test_who_recorded_an_approval_is_said() -> None:
    """A claim in somebody else's name shows whose commit it came in."""
    judged = (Judged("approved", "legal", "lea@example.org", AT, "ci@example.org"),)
    audit = attrs.evolve(AUDIT, served=(attrs.evolve(AUDIT.served[0], judged=judged),))
    assert "| lea@example.org, recorded by ci@example.org | 2026-11-17 15:00 | claimed, not signed |" in str(
        audit
    )


def test_thousands_of_aliases_are_counted() -> None:
    """The page shows some, and says how to see the others."""
    audit = attrs.evolve(AUDIT, served=AUDIT.served * 1_000)
    assert "… and 950 more aliases: audit each by itself." in str(audit)

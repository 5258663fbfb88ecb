"""An audit: what an alias served when, who put it there, on whose word, under which policy, and whether it all holds."""

from collections.abc import Mapping
from datetime import datetime

import attrs

from modelver.history.state import AliasChange, Mark
from modelver.publish.judged import Judged
from modelver.values import wire
from modelver.values.canonical import Json
from modelver.values.verdict import Verdict


@attrs.frozen
class PolicyFact:
    """A policy that held when an alias moved.

    Attributes:
        source: ``the registry's default`` or ``the model's own``.
        mark: Who set it when, and in which commit of its log.
        words: What it requires of the alias, a sentence each; empty where it requires nothing.
        policy: The policy itself, as it is stored.
        fault: Why this release can't read it; empty where it can.
    """

    source: str
    mark: Mark
    words: tuple[str, ...]
    policy: Mapping[str, Json]
    fault: str = ""

    def to_dict(self) -> dict[str, Json]:
        """Return it as plain JSON data."""
        return {
            "source": self.source,
            "commit": self.mark.seq,
            "at": wire.format_time(self.mark.at),
            "by": self.mark.by,
            "requires": list(self.words),
            "policy": self.policy,
            "fault": self.fault,
        }


@attrs.frozen
class Served:
    """What an alias named at the time that was asked for.

    Attributes:
        change: The move that put it there: when, by whom, why.
        until: The alias's next move; None where it still names it.
        registered: Who registered the version, and when.
        summary: The first line of its changelog.
        yanked: Who yanked the version since; None where nobody did.
        verdicts: What the gates said of the move, as the commit has it.
        judged: What people had said before the move, weighed for it.
        policies: The policies that held then.
        pin: Who had pinned the alias then, when and why; None where nobody had.
    """

    change: AliasChange
    until: AliasChange | None
    registered: Mark
    summary: str = ""
    yanked: Mark | None = None
    verdicts: tuple[Verdict, ...] = ()
    judged: tuple[Judged, ...] = ()
    policies: tuple[PolicyFact, ...] = ()
    pin: Mark | None = None

    @property
    def failed(self) -> tuple[Verdict, ...]:
        """The checks that failed when the alias moved all the same."""
        return tuple(verdict for verdict in self.verdicts if not verdict)

    def to_dict(self) -> dict[str, Json]:
        """Return it as plain JSON data."""
        return {
            **change_data(self.change),
            "until": wire.format_time(self.until.mark.at) if self.until else None,
            "registered_at": wire.format_time(self.registered.at),
            "registered_by": self.registered.by,
            "changelog": self.summary,
            "yanked": self.yanked.message if self.yanked else None,
            "verdicts": [each.to_dict() for each in self.verdicts],
            "approvals": [each.to_dict() for each in self.judged],
            "policies": [each.to_dict() for each in self.policies],
            "pinned": None
            if self.pin is None
            else {"at": wire.format_time(self.pin.at), "by": self.pin.by, "reason": self.pin.message},
        }


@attrs.frozen
class Later:
    """Something that happened since.

    Attributes:
        at: When, in UTC.
        by: Who.
        what: What.
        why: In the words of who did it.
    """

    at: datetime
    by: str
    what: str
    why: str = ""

    def to_dict(self) -> dict[str, Json]:
        """Return it as plain JSON data."""
        return {"at": wire.format_time(self.at), "by": self.by, "what": self.what, "why": self.why}


@attrs.frozen
class Check:
    """Whether one thing holds: the chain, the gates, the signatures, the bytes.

    Attributes:
        subject: What was checked.
        faults: What is wrong; empty where it holds.
        counted: How much was checked, in words.
    """

    subject: str
    faults: tuple[str, ...] = ()
    counted: str = ""

    def __bool__(self) -> bool:
        return not self.faults

    def to_dict(self) -> dict[str, Json]:
        """Return it as plain JSON data."""
        return {"check": self.subject, "ok": bool(self), "faults": list(self.faults), "counted": self.counted}


@attrs.frozen(repr=False)
class Audit:
    """One page that an auditor can keep; true where everything that was checked holds. ``str()`` is Markdown.

    Attributes:
        registry: Where the registry is, without credentials.
        registry_id: Its id.
        model: The model's name.
        alias: The alias; empty for all that the model had.
        at: The time that was asked for; None for now.
        made_at: When the audit was made.
        made_by: Who made it.
        head: The number and the SHA-256 of the newest commit that it is about.
        served: What each alias named then.
        since: What happened since.
        history: All moves of the alias, or of all aliases, the oldest first.
        checks: What holds.
        notes: What a reader has to know of the answer, such as clocks that disagree.
    """

    registry: str
    registry_id: str
    model: str
    alias: str
    at: datetime | None
    made_at: datetime
    made_by: str
    head: tuple[int, str]
    served: tuple[Served, ...]
    since: tuple[Later, ...]
    history: tuple[AliasChange, ...]
    checks: tuple[Check, ...]
    notes: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return all(self.checks)

    @property
    def ok(self) -> bool:
        """Whether everything that was checked holds."""
        return bool(self)

    def to_dict(self) -> dict[str, Json]:
        """Return it as plain JSON data; docs/cli.md has the keys."""
        return {
            "registry": self.registry,
            "registry_id": self.registry_id,
            "model": self.model,
            "alias": self.alias,
            "at": wire.format_time(self.at) if self.at else None,
            "made_at": wire.format_time(self.made_at),
            "made_by": self.made_by,
            "head": {"commit": self.head[0], "sha256": self.head[1]},
            "ok": self.ok,
            "served": [each.to_dict() for each in self.served],
            "since": [each.to_dict() for each in self.since],
            "history": [change_data(change) for change in self.history],
            "checks": [check.to_dict() for check in self.checks],
            "notes": list(self.notes),
        }

    def html(self) -> str:
        """Return the audit as one HTML page that stands alone and prints well."""
        from modelver.publish.audit_page import audit_html

        return audit_html(self)

    def __str__(self) -> str:
        from modelver.publish.audit_page import audit_markdown

        return audit_markdown(self)

    def __repr__(self) -> str:
        subject = f"{self.model}@{self.alias}" if self.alias else self.model
        return f"<Audit {subject}: {'holds' if self else 'does not hold'}>"

    def _repr_html_(self) -> str:
        from modelver.publish.audit_page import audit_display

        return audit_display(self)


def change_data(change: AliasChange) -> dict[str, Json]:
    """Return a move of an alias as plain JSON data."""
    return {
        "alias": str(change.alias),
        "version": change.version,
        "digest": str(change.digest or ""),
        "at": wire.format_time(change.mark.at),
        "clock": wire.format_time(change.mark.clock),
        "by": change.mark.by,
        "cause": change.cause,
        "reason": change.mark.message,
        "generation": change.generation,
        "previous": change.previous.version if change.previous else "",
        "override": change.override,
        "breach": None if change.breach is None else wire.to_json(change.breach),
    }

"""An audit as a page: the answer first, then what it rests on, then whether that holds."""

from collections.abc import Iterator
from datetime import datetime

from modelver.history.state import AliasChange
from modelver.publish.audit import Audit, PolicyFact, Served
from modelver.publish.document import (
    Block,
    Bullets,
    Cell,
    CellLike,
    Code,
    Facts,
    Heading,
    Notice,
    Paragraph,
    shortened,
    to_html,
    to_markdown,
)
from modelver.publish.judged import Judged
from modelver.values import html
from modelver.values.canonical import encode

_FAULTS = 20
_ALIASES = 50

PROVES = (
    "A log is a chain: each commit names the digest of the one before, so a change inside it shows. It can't show that"
    " all of it was replaced before anybody saw it; keep the head's digest elsewhere to rule that out."
    " An approval that is claimed is somebody's word, recorded by whoever wrote the commit; one that is signed was made"
    " with a key that the policy trusted for the role. Times are those of the log, whose commits only go forward."
)
"""What such a page is worth, for a reader who does not know modelver."""


def audit_markdown(audit: Audit) -> str:
    """Return an audit as Markdown."""
    return to_markdown(_title(audit), _blocks(audit), note=_note(audit))


def audit_html(audit: Audit) -> str:
    """Return an audit as one page."""
    return to_html(_title(audit), _blocks(audit), note=_note(audit))


def audit_display(audit: Audit) -> str:
    """Return what a notebook shows of an audit: the answers, and what does not hold."""
    lines = [html.line(block.text) for block in _answers(audit)]
    rows = [
        (
            html.text(check.subject),
            html.text("holds" if check else "DOES NOT HOLD"),
            html.text("; ".join(check.faults[:3])),
        )
        for check in audit.checks
    ]
    return html.heading(_title(audit), _note(audit)) + "".join(lines) + html.table((), rows)


def _title(audit: Audit) -> str:
    return f"Audit of {audit.model}@{audit.alias}" if audit.alias else f"Audit of {audit.model}"


def _note(audit: Audit) -> str:
    asked = f"as of {_time(audit.at)}" if audit.at else "as of now"
    return f"{asked}; made {_time(audit.made_at)} by {audit.made_by}, from {audit.registry}"


def _time(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"


def _blocks(audit: Audit) -> Iterator[Block]:
    yield from _answers(audit)
    for served in audit.served[:_ALIASES]:
        yield from _served(served)
    if len(audit.served) > _ALIASES:
        yield Paragraph(
            f"… and {len(audit.served) - _ALIASES:,} more aliases: audit each by itself.", "quiet"
        )
    yield from _since(audit)
    yield Heading("Every move" + (f" of {audit.alias}" if audit.alias else ""))
    header = ("when (UTC)", *(() if audit.alias else ("alias",)), "move", "how", "who", "why")
    moves = [_move(change, named=not audit.alias) for change in reversed(audit.history)]
    yield from shortened(header, moves, 500)
    if not audit.history:
        yield Paragraph("No alias was ever set.", "quiet")
    yield from _checks(audit)


def _answers(audit: Audit) -> Iterator[Notice]:
    """Yield what a reader came for."""
    for served in audit.served[:_ALIASES]:
        change = served.change
        until = f" until {_time(served.until.mark.at)}" if served.until else ""
        yield Notice(
            f"{change.alias}: {change.version}, since {_time(change.mark.at)}{until}; put there by {change.mark.by}"
            f" ({change.cause}).",
            "good" if audit and not change.override else "",
        )
        if change.override:
            failed = (
                "; ".join(f"{each.check}: {each.reason}" for each in served.failed) or "nothing on record"
            )
            yield Notice(f"OVERRIDE: {change.alias} was moved although gates said no: {failed}.", "bad")
        if served.pin:
            pin = served.pin
            yield Notice(f"{change.alias} was pinned on {_time(pin.at)} by {pin.by}: {pin.message}", "warn")
        if served.yanked:
            yanked = served.yanked
            yield Notice(
                f"{change.version} was yanked on {_time(yanked.at)} by {yanked.by}: {yanked.message}", "bad"
            )
    if not audit.served:
        yield Notice(
            f"{audit.alias or 'No alias'} named {'nothing' if audit.alias else 'anything'} then.", "warn"
        )
    for note in audit.notes:
        yield Notice(note, "warn")
    broken = [check.subject for check in audit.checks if not check]
    if broken:
        yield Notice(f"DOES NOT HOLD: {', '.join(broken)}. What this page says is in doubt.", "bad")
    else:
        kinds = list(dict.fromkeys(check.subject.split()[0].rstrip(",") for check in audit.checks))
        checked = " and ".join(filter(None, (", ".join(kinds[:-1]), kinds[-1]))) if kinds else "nothing"
        yield Notice(f"Everything that was checked holds: {checked}.", "good")


def _served(served: Served) -> Iterator[Block]:
    change = served.change
    yield Heading(f"What {change.alias} served")
    previous = f"{change.previous.version} ({change.previous.digest})" if change.previous else "nothing"
    yield Facts(
        (
            ("version", Cell(change.version, code=True)),
            ("digest", Cell(str(change.digest), code=True)),
            ("registered", f"{_time(served.registered.at)} by {served.registered.by}"),
            ("changelog", served.summary),
            ("put there", f"{_time(change.mark.at)} by {change.mark.by}"),
            ("how", Cell(_cause(change), "bad" if change.override else "")),
            ("why", change.mark.message or Cell("nobody said why", "quiet")),
            ("what a guard saw", str(change.breach) if change.breach else ""),
            ("before that", previous),
            ("until", _time(served.until.mark.at) if served.until else "it is still there"),
            ("commit", f"{change.generation} of the model's log"),
            ("writer's clock", _time(change.mark.clock) if clocks_differ(change) else ""),
        )
    )
    yield Heading("On whose approval", 3)
    header = ("role", "person", "when (UTC)", "worth", "reason")
    yield from shortened(header, [_judged(each) for each in served.judged])
    if not served.judged:
        yield Paragraph("Nobody had approved or rejected the version before the alias moved.", "quiet")
    yield Heading("With which verdicts", 3)
    yield from shortened(
        ("check", "answer", "why"),
        [_verdict(each.check, each.passed, each.reason) for each in served.verdicts],
    )
    if not served.verdicts:
        yield Paragraph(
            "No verdicts are on record: no policy asked for anything then, or none was asked.", "quiet"
        )
    yield Heading("Under which policy", 3)
    for policy in served.policies:
        yield from _policy(policy, change.alias)
    if not served.policies:
        yield Paragraph("No policy held then.", "quiet")


def _judged(each: Judged) -> tuple[CellLike, ...]:
    bad = each.against or (each.signed and not each.proved) or each.decision == "rejected"
    return (
        f"{each.role} {each.decision}" + (f" for {each.alias}" if each.alias else ""),
        each.person + (f", recorded by {each.recorded_by}" if each.recorded_by != each.person else ""),
        f"{each.at:%Y-%m-%d %H:%M}",
        Cell(
            each.worth + (f"; does not count: {each.against}" if each.against else ""),
            "bad" if bad else "good" if each.proved else "warn",
        ),
        each.reason,
    )


def _cause(change: AliasChange) -> str:
    return f"{change.cause}, OVERRIDING gates that said no" if change.override else change.cause


def clocks_differ(change: AliasChange) -> bool:
    """Tell whether the log's time and the writer's clock are more than a second apart."""
    return abs((change.mark.at - change.mark.clock).total_seconds()) > 1


def _verdict(check: str, passed: bool, reason: str) -> tuple[CellLike, ...]:
    return check, Cell("passed" if passed else "FAILED", "good" if passed else "bad"), reason


def _policy(policy: PolicyFact, alias: str) -> Iterator[Block]:
    mark = policy.mark
    yield Paragraph(f"{policy.source}, set {_time(mark.at)} by {mark.by} (commit {mark.seq} of its log):")
    if policy.fault:
        yield Paragraph(policy.fault, "bad")
        yield Code(encode(policy.policy).decode(), "json")
    elif policy.words:
        yield Bullets(policy.words)
    else:
        yield Paragraph(f"It asks nothing of {alias}.", "quiet")


def _since(audit: Audit) -> Iterator[Block]:
    yield Heading("What changed since")
    rows: list[tuple[CellLike, ...]] = [
        (f"{each.at:%Y-%m-%d %H:%M:%S}", each.what, each.by, each.why) for each in audit.since
    ]
    yield from shortened(("when (UTC)", "what", "who", "why"), rows)
    if not rows:
        yield Paragraph("Nothing.", "quiet")


def _move(change: AliasChange, *, named: bool) -> tuple[CellLike, ...]:
    before = change.previous.version if change.previous else "-"
    return (
        f"{change.mark.at:%Y-%m-%d %H:%M:%S}",
        *((str(change.alias),) if named else ()),
        f"{before} -> {change.version or '-'}",
        Cell(_cause(change), "bad" if change.override else ""),
        change.mark.by,
        change.mark.message,
    )


def _checks(audit: Audit) -> Iterator[Block]:
    yield Heading("Does it hold?")
    rows: list[tuple[CellLike, ...]] = [
        (
            check.subject,
            Cell("holds" if check else "DOES NOT HOLD", "good" if check else "bad"),
            "; ".join(check.faults[:_FAULTS]) or check.counted,
        )
        for check in audit.checks
    ]
    yield from shortened(("checked", "answer", "detail"), rows)
    yield Facts(
        (
            ("registry", audit.registry_id),
            ("head", Cell(f"commit {audit.head[0]}, sha256 {audit.head[1]}", code=True)),
        )
    )
    yield Paragraph(PROVES, "quiet")

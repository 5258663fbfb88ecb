"""Gathering what an audit says, from the logs; replayed from their first commits, so that only what holds is told."""

from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from modelver.errors import ModelverError
from modelver.gates import Policy
from modelver.history.event import AliasSet
from modelver.history.state import AliasChange, Approval, Mark, PolicyChange, Rejection, State, VersionEntry
from modelver.publish.audit import Audit, Check, Later, PolicyFact, Served
from modelver.publish.audit_page import clocks_differ
from modelver.publish.judged import Bench, Judged
from modelver.publish.policy_words import policy_words
from modelver.registry.base.finding import model_of, parse_at
from modelver.registry.base.reading import read_manifest
from modelver.registry.base.session import Session
from modelver.registry.checking.verifying import verify_version
from modelver.registry.documents.past import alias_history
from modelver.registry.gates.gating import stored_policy
from modelver.registry.governing.regating import check_gates
from modelver.values import wire
from modelver.values.manifest import Manifest
from modelver.values.name import Alias, ModelName
from modelver.values.verdict import Verdict


def audit(session: Session, name: ModelName, alias: str | None, at: datetime | str | None) -> Audit:
    """Answer an auditor; see `Registry.audit`."""
    time = parse_at(at)
    state, chain = _replayed(session, name)
    if alias is not None:
        alias_history(state, Alias(alias))  # says which aliases there were
    return _Auditor(session, state, Alias(alias) if alias is not None else None, time).audit(chain)


def _replayed(session: Session, name: ModelName) -> tuple[State, Check]:
    """Return a model's state as far as its log is sound, and whether all of it is.

    Raises:
        NotFound: There is no such model.
    """
    state, fault = session.log(name).check()
    if state.model is None:
        if fault is not None:
            raise fault
        session.state(name)  # says best what is not here
    faults = (str(fault),) if fault else ()
    return state, Check("chain of the model's log", faults, f"{state.seq:,} commits, replayed from the first")


class _Auditor:
    """Makes one audit."""

    def __init__(self, session: Session, state: State, alias: Alias | None, at: datetime | None) -> None:
        self._session = session
        self._state = state
        self._name = model_of(state)
        self._alias = alias
        self._at = at
        self._made_at = datetime.now(UTC)
        self._manifests: dict[str, Manifest | None] = {}
        self._defaults, self._registry_chain = self._registry_log()

    def audit(self, chain: Check) -> Audit:
        changes = [change for change in self._state.alias_history if self._alias in (None, change.alias)]
        served = tuple(self._served(changes))
        checks = (chain, self._registry_chain, self._gates(), *self._bytes(served), *self._signatures(served))
        return Audit(
            registry=self._session.store.url,
            registry_id=self._session.identity.registry,
            model=str(self._name),
            alias=str(self._alias or ""),
            at=self._at,
            made_at=self._made_at,
            made_by=self._session.actor,
            head=(self._state.seq, self._state.head),
            served=served,
            since=tuple(self._since(served, changes)),
            history=tuple(changes),
            checks=checks,
            notes=tuple(self._notes(served, changes)),
        )

    def _registry_log(self) -> tuple[tuple[PolicyChange, ...], Check]:
        state, fault = self._session.registry_log.check()
        faults = (str(fault),) if fault else ()
        return state.policies, Check("chain of the registry's own log", faults, f"{state.seq:,} commits")

    def _served(self, changes: Sequence[AliasChange]) -> Iterator[Served]:
        """Yield what each alias named at the time."""
        for alias in sorted({change.alias for change in changes}):
            moves = [change for change in changes if change.alias == alias]
            past = [move for move in moves if self._at is None or move.mark.at <= self._at]
            if past and past[-1].digest is not None:
                later = moves[len(past)] if len(moves) > len(past) else None
                yield self._held(past[-1], later)

    def _held(self, change: AliasChange, until: AliasChange | None) -> Served:
        entry = self._state.versions[change.version]
        manifest = self._manifest(entry)
        held = self._held_policies(change)
        return Served(
            change=change,
            until=until,
            registered=entry.registered,
            summary=manifest.changelog.headline if manifest else "",
            yanked=entry.yanked,
            verdicts=tuple(_verdicts(change)),
            judged=self._bench(entry, tuple(_readable(held.values()))).judged_for(change),
            policies=tuple(_fact(source, policy, change.alias) for source, policy in held.items()),
            pin=self._pinned(change.alias),
        )

    def _pinned(self, alias: str) -> Mark | None:
        """Return the pin that held an alias at the time."""
        past = (pin for pin in self._state.pin_history if self._at is None or pin.mark.at <= self._at)
        last = [pin for pin in past if pin.alias == alias][-1:]
        return last[0].mark if last and last[0].pinned else None

    def _bench(self, entry: VersionEntry, policies: tuple[Policy, ...]) -> Bench:
        return Bench(
            registry=self._session.identity.registry,
            state=self._state,
            manifest=self._manifest(entry) or Manifest(self._name, entry.version, ()),
            entry=entry,
            policies=policies,
            at=self._made_at,
        )

    def _manifest(self, entry: VersionEntry) -> Manifest | None:
        """Read a manifest; None where it can't be read, which the check of the bytes tells."""
        if entry.version not in self._manifests:
            self._manifests[entry.version] = None
            with suppress(ModelverError):
                self._manifests[entry.version] = read_manifest(self._session, self._name, entry)
        return self._manifests[entry.version]

    def _held_policies(self, change: AliasChange) -> dict[str, PolicyChange]:
        """Return the policies that held when an alias moved, by whose they are: the registry's default, the model's own."""
        followed = self._default_of(change)
        default = next((each for each in self._defaults if each.mark.seq == followed), None)
        own = [each for each in self._state.policies if each.mark.seq < change.generation]
        found = {"The registry's default": default, "The model's own": own[-1] if own else None}
        return {source: policy for source, policy in found.items() if policy is not None and policy.policy}

    def _default_of(self, change: AliasChange) -> int:
        """Return the number of the registry's commit whose policy a move followed, as its own commit says."""
        with suppress(ModelverError):
            commit, _ = self._session.log(self._name).commit(change.generation)
            for event in commit.events:
                if isinstance(event, AliasSet) and event.alias == change.alias:
                    return event.default_policy
        return 0

    def _since(self, served: Sequence[Served], changes: Sequence[AliasChange]) -> Iterator[Later]:
        """Yield what happened since the time that was asked for, or since what is served was put there."""
        start = self._at or max((each.change.mark.at for each in served), default=self._made_at)
        found = [
            *self._moves(changes),
            *self._pins({change.alias for change in changes}),
            *self._policy_changes(),
        ]
        for version in dict.fromkeys(each.change.version for each in served):
            found += self._said_of(self._state.versions[version])
        yield from sorted((each for each in found if each.at > start), key=lambda each: each.at)

    def _moves(self, changes: Sequence[AliasChange]) -> Iterator[Later]:
        for change in changes:
            what = f"{change.alias} {'deleted' if change.digest is None else f'moved to {change.version}'} ({change.cause})"
            flag = ", OVERRIDING gates that said no" if change.override else ""
            yield Later(change.mark.at, change.mark.by, what + flag, change.mark.message)

    def _pins(self, aliases: Container[str]) -> Iterator[Later]:
        for pin in self._state.pin_history:
            if pin.alias in aliases:
                what = f"{pin.alias} {'pinned' if pin.pinned else 'unpinned'}"
                yield Later(pin.mark.at, pin.mark.by, what, pin.mark.message)

    def _policy_changes(self) -> Iterator[Later]:
        for whose, changes in (
            ("the registry's default", self._defaults),
            ("the model's own", self._state.policies),
        ):
            for change in changes:
                yield Later(change.mark.at, change.mark.by, f"{whose} policy set", change.mark.message)

    def _said_of(self, entry: VersionEntry) -> Iterator[Later]:
        """Yield what was said of a version after it was registered."""
        version = entry.version
        if entry.yanked:
            yield Later(entry.yanked.at, entry.yanked.by, f"{version} yanked", entry.yanked.message)
        for evaluation in entry.evaluations:
            figures = ", ".join(f"{metric.name} {metric.value:g}" for metric in evaluation.metrics[:8])
            yield Later(evaluation.mark.at, evaluation.mark.by, f"{version} measured: {figures}")
        for annotation in entry.annotations:
            tags = ", ".join(f"{key}={value}" for key, value in annotation.tags.items())
            yield Later(
                annotation.mark.at, annotation.mark.by, f"{version} annotated {tags}".strip(), annotation.note
            )
        judgements: list[Approval | Rejection] = [*entry.approvals, *entry.rejections]
        for each in judgements:
            said = each.said
            what = f"{version} {type(said).TYPE} by {said.person} as {said.role}"
            yield Later(
                each.mark.at, each.mark.by, what + (f" for {said.alias}" if said.alias else ""), said.reason
            )

    def _gates(self) -> Check:
        """Ask the gates again, for every step of the log."""
        subject = "gates, asked again for every step"
        try:
            log = self._session.log(self._name)
            findings = tuple(
                f"{found.object}: {found.what}"
                for found in check_gates(self._session, self._name, log, self._state)
            )
        except ModelverError as error:
            findings = (str(error),)
        return Check(
            subject,
            findings,
            f"{len(self._state.alias_history):,} moves, {len(self._state.versions):,} versions",
        )

    def _bytes(self, served: Sequence[Served]) -> Iterator[Check]:
        for version in dict.fromkeys(each.change.version for each in served):
            report = verify_version(self._session, self._name, self._state.versions[version], None)
            counts = ", ".join(f"{count:,} {kind}" for kind, count in report.checked.items())
            yield Check(f"bytes of {version}", tuple(map(str, report.findings)), counts)

    def _signatures(self, served: Sequence[Served]) -> Iterator[Check]:
        judged = [judged for each in served for judged in each.judged]
        signed = [each for each in judged if each.signed]
        faults = tuple(_signature_fault(each) for each in signed if not each.proved)
        claims = len(judged) - len(signed)
        yield Check(
            "signatures of approvals", faults, f"{len(signed)} signed, {claims} claimed and not signed"
        )

    def _notes(self, served: Sequence[Served], changes: Sequence[AliasChange]) -> Iterator[str]:
        """Yield what a reader has to know of the answer."""
        at = self._at
        if at is not None and at > self._made_at:
            yield "The time that was asked for is yet to come: what is served may change until then."
        for change in changes if at is not None else ():
            if at is not None and (change.mark.at <= at) != (change.mark.clock <= at):
                yield (
                    f"{change.alias} moved at {wire.format_time(change.mark.at)} by the log's time, but the writer's clock"
                    f" said {wire.format_time(change.mark.clock)}: the answer depends on whom you believe. It follows the log."
                )
        for each in served:
            if clocks_differ(each.change):
                yield f"The clock of whoever moved {each.change.alias} was behind the log's time."


def _verdicts(change: AliasChange) -> Iterator[Verdict]:
    for stored in change.verdicts:
        try:
            yield wire.from_json(stored, Verdict, what=f"commit {change.generation}")
        except ModelverError as error:
            yield Verdict("a verdict that can't be read", passed=False, reason=error.found)


def _fact(source: str, change: PolicyChange, alias: str) -> PolicyFact:
    try:
        words, fault = policy_words(stored_policy(change), alias), ""
    except ModelverError as error:
        words, fault = (), f"This release can't read it: {error}"
    return PolicyFact(source, change.mark, words, change.policy, fault)


def _readable(changes: Iterable[PolicyChange]) -> Iterator[Policy]:
    """Yield the policies that this release can read, to weigh approvals with their keys."""
    for change in changes:
        with suppress(ModelverError):
            yield stored_policy(change)


def _signature_fault(judged: Judged) -> str:
    return f"{judged.role} {judged.decision} by {judged.person}: {judged.against or 'it does not verify'}"

"""What is asked before a release changes anything: is the tree clean, and what do the gates, the tag and the alias say?"""

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import attrs

from modelver.errors import ModelverError, Refused
from modelver.gates.judge import refusal
from modelver.history.state import State, VersionEntry
from modelver.project.settings import Project
from modelver.publish.audiences import Audience
from modelver.registry.aliases.moving import check_alias
from modelver.registry.base.finding import scheme_of
from modelver.registry.base.reading import model_version
from modelver.registry.base.session import Session
from modelver.registry.release import checkouts, handing_out
from modelver.registry.release.checkouts import Checkout, Tagging
from modelver.registry.release.planning import Plan
from modelver.registry.release.released import Step
from modelver.registry.working_tree.drifting import Drift, check_project
from modelver.values.name import Alias
from modelver.values.verdict import Verdict

_LEFT = "nothing is done, as a step is refused"


@attrs.frozen
class Order:
    """What a release is to do beside registering.

    Attributes:
        alias: Set to the version at the end; None for none.
        reason: Why, as the alias' history records it.
        tagging: What is asked of git.
        output: The folder that card and notes go to; None for none.
        audience: For whom the notes are.
        allow_dirty: Whether tracked files may differ from the commit.
        dry_run: Whether to say only what would be done.
    """

    alias: Alias | None = None
    reason: str = ""
    tagging: Tagging = attrs.field(factory=Tagging)
    output: Path | None = None
    audience: Audience = "product"
    allow_dirty: bool = False
    dry_run: bool = False


@attrs.frozen
class Ready:
    """All that is known before anything is changed."""

    session: Session
    project: Project
    order: Order
    checkout: Checkout | None
    drift: Drift | None
    plan: Plan


def drift_of(session: Session, project: Project) -> Drift | None:
    """Compare the project with what it claims to be; None for a model that has no version yet."""
    if not session.before(project.model).versions:
        return None
    return check_project(session, project, against=None, environment=False)


def checked(
    ready: Ready, *, explicit: bool, outputs: Iterable[Path]
) -> tuple[ModelverError | None, list[Step]]:
    """Ask all that can be asked before anything is changed; return the first trouble, and what each step would do."""
    troubles: list[ModelverError] = []

    def ask(name: str, question: Callable[[], Step | tuple[Step, ...]]) -> tuple[Step, ...]:
        try:
            answer = question()
        except ModelverError as error:
            troubles.append(error)
            return (Step(name, "refused", str(error)),)
        return answer if isinstance(answer, tuple) else (answer,)

    steps = [
        *ask("check", partial(_check, ready, explicit=explicit, outputs=outputs)),
        *ask("register", partial(_may_register, ready)),
        *ask("tag", partial(may_tag, ready)),
        *ask("files", partial(_may_write, ready)),
        *ask("alias", partial(_may_move, ready)),
    ]
    failed = [each for each in ready.plan.moving if not each] if steps[-1].outcome == "would" else []
    if failed and not troubles and ready.order.dry_run:
        troubles.append(_refused(ready, ready.plan.moving))
        steps[-1] = Step("alias", "refused", f"waits for {', '.join(each.check for each in failed)}")
    if troubles and not ready.order.dry_run:
        steps = [Step(each.name, "skipped", _LEFT) if each.outcome == "would" else each for each in steps]
    return (troubles[0] if troubles else None), steps


def _check(ready: Ready, *, explicit: bool, outputs: Iterable[Path]) -> Step:
    if ready.checkout is not None and not ready.order.allow_dirty:
        checkouts.check_clean(ready.checkout, outputs)
    if ready.drift is None:
        return Step("check", "done", "the model has no version yet")
    if ready.project.version and not explicit:
        ready.drift.raise_if_failed()
    count = len(ready.drift.findings)
    changed = f"{count} change{'s' if count > 1 else ''} since" if count else "nothing has changed since"
    return Step("check", "done", f"{changed} {ready.drift.against}")


def _may_register(ready: Ready) -> Step:
    plan = ready.plan
    if not all(plan.registering):
        where = f"{plan.manifest.model}:{plan.version}"
        raise refusal(plan.registering, "the policy does not let this version be registered", where)
    if plan.entry is not None and plan.entry.yanked:
        raise Refused(
            "what is to be released was yanked",
            where=f"{plan.manifest.model}:{plan.version}",
            found=plan.entry.yanked.message,
            hint="Change something and commit it; a release is not repeated under another number.",
        )
    return Step("register", "already" if plan.entry else "would", str(plan.version))


def may_tag(ready: Ready) -> tuple[Step, ...]:
    """Tell what tagging would do, and pushing where that is asked for.

    Raises:
        AlreadyExists: A tag says something else.
        InvalidValue: Git takes no such name.
        StoreError: Git can't tell, or the remote can't be asked.
    """
    wanted, plan = ready.order.tagging, ready.plan
    if ready.checkout is None or wanted.wanted is False:
        why = "no tag was asked for" if ready.checkout else "there is no git checkout"
        return (Step("tag", "skipped", why),)
    if plan.entry is not None:
        commit = checkouts.recorded_commit(model_version(ready.session, plan.state, plan.entry))
    else:
        commit = ready.checkout.code.commit if ready.checkout.code else ""
    return checkouts.check_tag(
        ready.checkout,
        plan.manifest.model,
        plan.version,
        scheme_of(plan.state),
        plan.digest,
        commit,
        wanted.remote if wanted.push else "",
        bring=not ready.order.dry_run,
    )


def _may_write(ready: Ready) -> Step:
    folder = ready.order.output
    if folder is None:
        return Step("files", "skipped", "no folder was asked for")
    if folder == ready.project.folder / handing_out.FOLDER:
        handing_out.check_inside(ready.project.folder)
    if not ready.order.dry_run:
        handing_out.make_folder(folder)
    return Step("files", "would", str(folder))


def _may_move(ready: Ready) -> Step:
    plan, alias = ready.plan, ready.order.alias
    if alias is None:
        return Step("alias", "skipped", "none was asked for")
    check_alias(plan.state, alias)
    if plan.entry is not None and (why := not_again(plan.state, plan.entry, alias)):
        return why
    if plan.in_the_way:
        raise _refused(ready, plan.moving)
    return Step("alias", "would", f"{alias}: {named(plan.state, alias)} -> {plan.version}")


def _refused(ready: Ready, verdicts: Iterable[Verdict]) -> ModelverError:
    where = f"{ready.plan.manifest.model}@{ready.order.alias}, to {ready.plan.version}"
    return refusal(tuple(verdicts), "the policy does not let this alias move", where)


def named(state: State, alias: Alias) -> str:
    """Return what an alias names, ``-`` for nothing."""
    change = state.aliases.get(alias)
    return change.version if change else "-"


def not_again(state: State, entry: VersionEntry, alias: Alias) -> Step | None:
    """Say why an alias is not to be set: it is, it was and somebody moved it on, or a later release has it."""
    current = state.aliases.get(alias)
    if current is not None and current.digest == entry.digest:
        return Step("alias", "already", f"{alias}: {entry.version}")
    if any(each.alias == alias and each.digest == entry.digest for each in state.alias_history):
        now = f"names {current.version}" if current else "is gone"
        return Step("alias", "left", f"{alias} named {entry.version} before, and {now} since")
    if current is not None and state.versions[current.version].registered.seq > entry.registered.seq:
        return Step("alias", "left", f"{alias} names {current.version}, which was registered later")
    return None

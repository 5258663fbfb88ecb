"""Policies: read from where people write them, set in the log, and read back."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

from modelver.errors import InvalidValue, NotFound, StoreError
from modelver.gates import Policy
from modelver.gates.parse import TABLES, policy_json, read_policy
from modelver.history.governing import PolicySet
from modelver.history.state import State
from modelver.log import Proposal
from modelver.registry.aliases.moving import used_otherwise
from modelver.registry.base.session import Session
from modelver.registry.gates.gating import stored_policy
from modelver.values.name import ModelName

PolicyLike: TypeAlias = str | os.PathLike[str] | Mapping[str, object] | Policy


def to_policy(policy: PolicyLike) -> Policy:
    """Return a policy: of a ``modelver.toml`` or a ``pyproject.toml``, of tables of the same shape, or as it is.

    Raises:
        NotFound: There is no such file.
        InvalidValue: It is no policy, or a file without one; the message has the path of the fault.
    """
    if isinstance(policy, Policy):
        return read_policy(policy_json(policy))
    if isinstance(policy, Mapping):
        return read_policy(policy)
    from modelver.project.file import PYPROJECT, load_project_file
    from modelver.project.settings import policy_tables

    path = Path(policy)
    try:
        file = load_project_file(path)
    except StoreError as error:
        raise NotFound("a policy can't be read", where=path, found=error.found) from None
    tables = policy_tables(file) if file else {}
    if not tables:  # whoever names the wrong file must not open the gate
        raise InvalidValue(
            "there is no policy in this file",
            where=path,
            expected=f"a table {', '.join(TABLES)}" + (" in tool.modelver" if path.name == PYPROJECT else ""),
            hint="An empty table [require], or {} in Python, takes all requirements away.",
        )
    return read_policy(tables, what=path.name)


def set_policy(
    session: Session, name: ModelName | None, policy: PolicyLike, *, reason: str, commit_id: str | None
) -> Policy:
    """Set what must hold from now on; see `Registry.set_policy`."""
    wanted = to_policy(policy)
    tables = policy_json(wanted)
    session.open_for_writing()
    if name is not None:
        session.state(name)
    log = session.log(name) if name is not None else session.registry_log

    def propose(state: State) -> Proposal:
        now = state.policies[-1].policy if state.policies else {}
        return Proposal((PolicySet(tables),) if now != tables else (), message=reason)

    appended = log.append(propose, by=session.actor, commit_id=commit_id)
    if appended.seq and not appended.written:
        change = next((each for each in appended.state.policies if each.mark.seq == appended.seq), None)
        if change is None or change.policy != tables:
            raise used_otherwise(appended.state, appended.seq)
    return wanted


def policy_of(session: Session, name: ModelName | None) -> Policy:
    """Return a model's own policy, or the registry's default; an empty one where none was set."""
    state = session.state(name) if name is not None else session.registry_log.state()
    return stored_policy(state.policies[-1]) if state.policies else Policy()

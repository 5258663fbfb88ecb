"""What recipients are told of an event: its facts, and release notes, as far as their audience gets them."""

from typing import cast

import attrs

from modelver.errors import ModelverError, StoreError
from modelver.history.state import State
from modelver.notify.happening import Happening
from modelver.notify.message import MAX_NOTES, MAX_TEXT, cut
from modelver.publish.audiences import AUDIENCES, Audience, names_people
from modelver.publish.changelog import ModelChangelog
from modelver.registry.base.finding import scheme_of
from modelver.registry.base.session import Session
from modelver.registry.documents.noting import release_notes
from modelver.registry.documents.publishing import releases
from modelver.values.canonical import Json
from modelver.values.name import ModelName

_KEPT = 16


class Sayer:
    """Writes the ``data`` of events; notes for several recipients are written once.

    Args:
        session: The registry.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._notes: dict[tuple[str, ...], str] = {}

    def data(self, happening: Happening, audience: str) -> dict[str, Json]:
        """Return what an audience is told.

        Raises:
            StoreError: The registry can't be read now.
        """
        reader = cast("Audience", audience)
        data: dict[str, Json] = {
            "model": happening.model,
            "version": happening.version,
            "digest": happening.digest,
            "commit": happening.seq,
            "audience": audience,
        }
        optional: dict[str, Json] = {
            "alias": happening.alias,
            "previous": happening.previous,
            "cause": happening.cause,
            "role": happening.role,
            "override": happening.override,
        }
        if _may_name(happening, reader):
            optional["by"] = happening.by
            optional["reason"] = cut(happening.reason, MAX_TEXT, "…")
        data.update({key: value for key, value in optional.items() if value})
        return {**data, "notes": self._written(happening, reader)}

    def _written(self, happening: Happening, audience: Audience) -> Json:
        """Return release notes; null where they can't be written, which keeps nobody from being told."""
        try:
            state = self._session.log(ModelName(happening.model)).state()
            a, b = _ends(state, happening)
            key = (state.head, a, b, audience)  # what is said of a version changes with the log
            text = self._notes.get(key)
            if text is None:
                more = f"\n\n… cut: `modelver notes` has the rest of {happening.model} {b}\n"
                text = cut(self._between(happening, state, a, b, audience), MAX_NOTES, more)
                # A recipient's thread may drop what another one's has kept just now.
                self._notes = {**dict(list(self._notes.items())[-_KEPT:]), key: text}
        except StoreError:
            raise
        except ModelverError:
            return None
        undone = {"undone": True} if a and b != happening.version else {}
        return {"from": a, "to": b, "text": text, "format": "text/markdown", **undone}

    def _between(self, happening: Happening, state: State, a: str, b: str, audience: Audience) -> str:
        if a:
            one, other = f"{happening.model}:{a}", f"{happening.model}:{b}"
            return str(release_notes(self._session, one, other, audience, None))
        said = releases(self._session, state, [state.versions[b]])
        if not names_people(audience):
            said = tuple(attrs.evolve(each, yanked=None) for each in said)
        return str(ModelChangelog(happening.model, said))


def _ends(state: State, happening: Happening) -> tuple[str, str]:
    """Return the versions that notes are from and to: what a move back undoes reads from the earlier one on.

    The first is empty where there is nothing to compare with: then the version's own changelog is what there is to say.
    """
    if not happening.previous or happening.previous == happening.version:
        return "", happening.version
    scheme = scheme_of(state)
    back = scheme.version(happening.version) < scheme.version(happening.previous)
    pair = (happening.previous, happening.version)
    return (pair[1], pair[0]) if back else pair


def _may_name(happening: Happening, audience: Audience) -> bool:
    """Tell whether an audience is told who and why; judgements are for those who read approvals."""
    if happening.role:
        return "approvals" in AUDIENCES[audience]
    return names_people(audience)

"""Searching a registry: the index, brought up to the logs, asked, and made anew where it is damaged."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import attrs

from modelver.errors import InvalidValue, StoreError
from modelver.expressions import Expression, parse
from modelver.history.state import Mark, VersionEntry
from modelver.index.columns import columns
from modelver.index.file import IndexFile
from modelver.index.frame import to_frame
from modelver.index.ordering import parse_order
from modelver.index.query import Query, find, words_of
from modelver.index.stored import Stored
from modelver.index.write import stamps
from modelver.registry.base.reading import VersionDetails
from modelver.registry.base.session import Session
from modelver.registry.search.following import follow, lock_of
from modelver.registry.search.found import Found
from modelver.storage.layout import MODELS
from modelver.storage.lock import advisory_lock
from modelver.values.digest import Digest
from modelver.values.model_version import ModelVersion
from modelver.values.name import ModelName
from modelver.values.scheme import Scheme
from modelver.values.wire import format_time, parse_time

if TYPE_CHECKING:
    import pandas as pd

_MAX_PATTERN = 200
_PATIENCE = 10.0
_T = TypeVar("_T")


@attrs.frozen
class Wish:
    """A search as it was asked for; see `modelver.Registry.search`."""

    expression: str | None = None
    model: str | None = None
    order_by: str | None = None
    limit: int | None = None
    text: str | None = None
    fresh: bool = True


def index_of(session: Session) -> IndexFile:
    """Return a registry's index on this machine: a mirror has the same id, and an index of its own."""
    which = f"{session.identity.registry}\0{session.store.place}".encode("utf-8", "surrogatepass")
    return IndexFile(session.cache, hashlib.sha256(which).hexdigest()[:32])


def search(session: Session, index: IndexFile, wish: Wish) -> Found:
    """Return the versions that a search finds."""
    stored, query = _ask(session, index, wish)
    asked = (wish.expression, wish.text and f'text "{wish.text}"', wish.model and f"in {wish.model}")
    return Found(
        asked=" and ".join(filter(None, asked)),
        stored=stored,
        columns=columns(query.expression, query.order),
        at=query.at,
        make=partial(_version, session),
    )


def frame(session: Session, index: IndexFile, wish: Wish) -> "pd.DataFrame":
    """Return the versions that a search finds as a table."""
    stored, query = _ask(session, index, wish)
    return to_frame(stored, query.at)


def _ask(session: Session, index: IndexFile, wish: Wish) -> tuple[list[Stored], Query]:
    query = Query(
        expression=_expression(wish.expression),
        text=words_of(wish.text),
        order=parse_order(wish.order_by),
        limit=_limit(wish.limit),
        at=format_time(datetime.now(UTC)),
    )
    exact = _exact(wish.model)
    _ = session.identity  # NotFound, where there is no registry

    def ask() -> list[Stored]:
        fresh = wish.fresh or not index.run(stamps)
        folders = _folders(session, index, wish.model, exact, fresh=fresh)
        if fresh:
            follow(session, index, folders, strict=exact is not None)
        session.tell_age()
        found = index.run(lambda connection: find(connection, attrs.evolve(query, folders=folders)))
        if exact is not None and not found:
            session.state(exact)  # NotFound, with what is similar
        return found

    return _mended(session, index, ask), query


def _mended(session: Session, index: IndexFile, work: Callable[[], _T]) -> _T:
    """Do work with an index that is made anew when it turns out to be damaged; in memory where there is no disk for it."""
    import sqlite3

    for last in (False, True):
        try:
            return work()
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
            if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
                raise StoreError(
                    "the search index is in use by another process that doesn't finish",
                    where=index.path,
                    found=error,
                    hint="Try again, or delete that file: it is built again.",
                ) from None
            kept = code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, InvalidValue):
                raise
            kept = True
        if kept:
            with advisory_lock(lock_of(session, index), timeout=_PATIENCE):
                index.discard()
        if last or not kept:
            index.move_to_memory()
    return work()


def _expression(text: str | None) -> Expression | None:
    if text is None:
        return None
    if not isinstance(text, str):
        raise InvalidValue(
            "not an expression", where=repr(text)[:80], expected="text such as metrics.f1 >= 0.9"
        )
    return parse(text, what="search")


def _limit(limit: int | None) -> int | None:
    if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool) or limit < 0):
        raise InvalidValue(
            "not a limit", where=repr(limit)[:80], expected="a number of versions, or None for all"
        )
    return limit


def _exact(model: str | None) -> ModelName | None:
    """Return the model that is named, or None where a pattern or nothing is."""
    if model is None or (isinstance(model, str) and any(sign in model for sign in "*?[")):
        if model is not None and len(model) > _MAX_PATTERN:
            raise InvalidValue("a pattern is too long", expected=f"at most {_MAX_PATTERN} characters")
        return None
    return ModelName(model)


def _folders(
    session: Session, index: IndexFile, model: str | None, exact: ModelName | None, *, fresh: bool
) -> frozenset[str] | None:
    """Return the folders of the models that are meant; None for all."""
    if model is None:
        return None
    if exact is not None:
        return frozenset([exact.folder])
    there = {*index.run(stamps), *(session.store.folders(MODELS) if fresh else ())}
    pattern = model.lower()
    return frozenset(folder for folder in there if fnmatchcase(folder.replace("--", "/"), pattern))


def _version(session: Session, row: Stored) -> ModelVersion:
    """Return a version as people hold it; its manifest is read when it is asked for, and checked."""
    name, at, digest = ModelName(row.model), parse_time(row.created_at), Digest(row.digest)
    entry = VersionEntry(row.version, digest, Mark(row.seq, at, at, row.created_by), row.commit)
    return ModelVersion(
        name=name,
        version=Scheme.parse(row.scheme).version(row.version),
        digest=digest,
        created_at=at,
        created_by=row.created_by,
        details=VersionDetails(session, name, entry),
    )

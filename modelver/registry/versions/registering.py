"""Registering a version: check what is stated, store the files, then one commit that makes it visible."""

import logging
import os
from pathlib import Path

import attrs

from modelver.content.at_hand import at_hand
from modelver.content.blobs import put_missing
from modelver.content.datasets import digest_dataset
from modelver.content.ingest import ingest, total_size
from modelver.content.moves import Moves
from modelver.content.sources import Gathered, Source, gather
from modelver.content.transfer import Stored, Transfer
from modelver.errors import InvalidName, InvalidValue, LimitExceeded, NotFound
from modelver.history.commit import MAX_COMMIT
from modelver.history.state import State
from modelver.log import check_commit_id
from modelver.registry.aliases.moving import check_alias
from modelver.registry.base.finding import find, model_of, parse_ref, scheme_of
from modelver.registry.base.inputs import BaseLike, Statement
from modelver.registry.base.progress import Callback, Progress
from modelver.registry.base.reading import map_digests, provenance_digest, read_manifest
from modelver.registry.base.session import Session
from modelver.registry.gates.gating import early_gate
from modelver.registry.versions.card_file import stored_cards, with_card
from modelver.registry.versions.committing import Content, Wish, commit_version, named_by, with_model
from modelver.registry.versions.sweeping import Sweeps, seen_sweeps
from modelver.values import wire
from modelver.values.digest import Digest
from modelver.values.manifest import Manifest
from modelver.values.model_version import ModelVersion
from modelver.values.name import ModelName
from modelver.values.provenance import Code, Provenance, Run
from modelver.values.record import BaseModel

_PER_FILE = len(',"":"sha256:"') + 64
_FOR_OTHERS = 64 * 2**10
_LOGGER = logging.getLogger("modelver")


def register(
    session: Session,
    name: ModelName,
    statement: Statement,
    wish: Wish,
    *,
    provenance: Provenance | None,
    move: bool,
    callback: Callback | None,
) -> ModelVersion:
    """Store a version's files and commit it; see `Registry.register`. Nothing is written before all is checked."""
    before = session.before(name)
    check_wish(with_model(before, name), wish)
    gathered, stated = gathered_and_stated(session, before, name, statement, wish)
    gate = early_gate(session, with_model(before, name), stated)
    gate(lambda: {source.path: b"" for source in gathered.sources})
    draft = with_datasets(session, stated)
    with at_hand(gathered.sources, session.stamps, session.cache) as files:
        gate(lambda: {file.source.path: file.head() for file in files})
        session.open_for_writing()
        sweeps = seen_sweeps(session, before)
        progress = Progress(callback, total_size(gathered.sources))
        moves = Moves()
        with moves:
            transfer = Transfer(session.store, session.stamps, moves if move else None, progress)
            content = _content(session, draft, ingest(files, transfer), provenance, sweeps)
            version = commit_version(session, name, content, wish)
        moves.finish()
        progress.finish()
    if version.created and not statement.changelog:
        _LOGGER.warning("%s has no changelog: nobody will know what changed", version.ref)
    return version


def gathered_and_stated(
    session: Session, before: State, name: ModelName, statement: Statement, wish: Wish
) -> tuple[Gathered, Manifest]:
    """Return a statement's files, and the manifest as far as it is known without reading any of them."""
    gathered = _gathered(session, before, statement, wish)
    sources = (*gathered.sources, *_moved_cards(session, before, gathered, wish))
    completed = attrs.evolve(statement, metadata=with_card(statement.metadata, sources))
    return gathered, _stated(session, name, completed)


def _moved_cards(session: Session, before: State, gathered: Gathered, wish: Wish) -> tuple[Source, ...]:
    """Return the cards that an earlier call with the same id moved away: what they stated, it stated."""
    seq = before.commit_ids.get(wish.commit_id or "")
    entry = named_by(before, seq, wish.aliases) if wish.resume and seq else None
    if entry is None:
        return ()
    manifest = read_manifest(session, model_of(before), entry)
    return stored_cards(session.store, manifest, {source.path for source in gathered.sources})


def _gathered(session: Session, before: State, statement: Statement, wish: Wish) -> Gathered:
    """List a statement's files; say what was left out."""
    try:
        gathered = gather(
            statement.sources,
            statement.prompts,
            session.storage_options,
            registry=session.folder,
            without=session.own_folders,
        )
    except (InvalidValue, NotFound):
        if wish.resume and wish.commit_id in before.commit_ids:
            return Gathered(())  # an earlier call moved them away
        raise
    _check_number(gathered)
    if gathered.left_out:
        _LOGGER.warning("left out of the version: %s", ", ".join(gathered.left_out))
    return gathered


def _check_number(gathered: Gathered) -> None:
    """Refuse more files than one commit can name, before any is read.

    Raises:
        LimitExceeded: There are too many.
    """
    size = sum(len(source.path.encode()) + _PER_FILE for source in gathered.sources)
    if size > MAX_COMMIT - _FOR_OTHERS:
        raise LimitExceeded(
            "too many files for one version",
            expected="some thousands",
            found=f"{len(gathered.sources):,}",
            hint="Pack them into one: a zip or a tar file is one file.",
        )


def check_wish(state: State, wish: Wish) -> None:
    """Refuse, before anything is hashed, what the model's scheme does not allow."""
    check_commit_id(wish.commit_id)
    if wish.version is not None:
        scheme_of(state).version(wish.version)
    for alias in wish.aliases:
        check_alias(state, alias)


def _stated(session: Session, name: ModelName, statement: Statement) -> Manifest:
    """Return the manifest as far as it is known without reading anything."""
    base = tuple(pin_base(session, base) for base in statement.base) or statement.metadata.base
    return Manifest(name, "", (), attrs.evolve(statement.metadata, base=base), statement.changelog)


def with_datasets(session: Session, stated: Manifest) -> Manifest:
    """Return the manifest as far as it is known without the files, checked."""
    data = tuple(
        digest_dataset(dataset, session.stamps, session.storage_options) for dataset in stated.metadata.data
    )
    draft = attrs.evolve(stated, metadata=attrs.evolve(stated.metadata, data=data))
    draft.to_bytes()
    return draft


def pin_base(session: Session, base: BaseLike) -> BaseModel:
    """Pin a base model that is a reference in this registry to the digest that it names now.

    Raises:
        InvalidName: It is no reference.
        NotFound: It names nothing.
    """
    if isinstance(base, BaseModel):
        return base
    try:
        ref = parse_ref(base)
        state = session.state(ref.model)
        entry = find(state, ref)
    except (InvalidName, NotFound) as error:
        raise type(error)(
            "a base model is not in this registry",
            where=base,
            found=str(error),
            hint='Give a model from elsewhere as mv.BaseModel("its name").',
        ) from None
    return BaseModel(f"{state.model}:{entry.version}", entry.digest)


def _content(
    session: Session,
    draft: Manifest,
    stored: tuple[Stored, ...],
    provenance: Provenance | None,
    sweeps: Sweeps,
) -> Content:
    return Content(
        manifest=attrs.evolve(draft, files=tuple(one.entry for one in stored)),
        maps={one.entry.path: one.map for one in stored},
        provenance=_store_provenance(session, provenance),
        captured=provenance or Provenance(),
        sweeps=sweeps,
    )


def _store_provenance(session: Session, provenance: Provenance | None) -> Digest | None:
    if provenance is None:
        return None
    data = wire.to_bytes(provenance)
    return put_missing(session.store, Digest.of(data), data)


def finalize(session: Session, ref: str | ModelVersion, *, commit_id: str | None) -> ModelVersion:
    """Make a release of a pre-release, from the same blobs; see `Registry.finalize`."""
    wanted = parse_ref(ref)
    state = session.state(wanted.model)
    entry = find(state, wanted)
    prerelease = scheme_of(state).version(entry.version)
    where = f"{model_of(state)}:{prerelease}"
    if not prerelease.is_prerelease:
        raise InvalidValue("not a pre-release", where=where, hint="It is final already.")
    if entry.yanked:
        raise InvalidValue("this pre-release was yanked", where=where, found=entry.yanked.message)
    session.open_for_writing()
    content = Content(
        manifest=read_manifest(session, wanted.model, entry),
        maps=map_digests(session, wanted.model, entry),
        provenance=provenance_digest(session, wanted.model, entry),
        captured=Provenance(),
        sweeps=Sweeps(state.swept),
        finalizes=entry.version,
    )
    wish = Wish(version=scheme_of(state).finalize(prerelease), commit_id=commit_id)
    return commit_version(session, wanted.model, content, wish)


def captured(
    session: Session, code: str | os.PathLike[str] | Code | None, run: Run | None, *, wanted: bool
) -> Provenance | None:
    """Return where a version comes from: what the caller states wins over what is found out.

    Raises:
        NotFound: The checkout that is named is not there.
        InvalidValue: What is named is no checkout, or nothing is to be captured.
    """
    folder = None if isinstance(code, Code) else code
    if not wanted:
        if folder is not None:
            raise InvalidValue(
                "a checkout to capture, but capture is off", where="code", hint="Give a mv.Code."
            )
        return Provenance(run=run) if run else None
    from modelver.capture import capture

    if folder is not None and not Path(folder).is_dir():
        raise NotFound(
            "the checkout is missing",
            where=f"code={os.fspath(folder)!r}",
            hint="Give the folder of a checkout.",
        )
    found = capture(Path.cwd() if folder is None else Path(folder), session.cache)
    if folder is not None and found.code is None:
        raise InvalidValue(
            "not a git checkout", where=f"code={os.fspath(folder)!r}", hint="Or state it as a mv.Code."
        )
    return attrs.evolve(found, code=code if isinstance(code, Code) else found.code, run=run or found.run)

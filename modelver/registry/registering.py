"""Registering a version: state, capture, store, then one commit that makes it visible."""

import os
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path

import attrs

from modelver.content.blobs import put_missing
from modelver.content.datasets import digest_dataset
from modelver.content.ingest import Stored, Transfer, ingest
from modelver.content.sources import Gathered, gather
from modelver.errors import InvalidName, InvalidValue, ModelverError, NotFound
from modelver.history.state import State
from modelver.registry.committing import Content, Wish, commit_version
from modelver.registry.inputs import Statement
from modelver.registry.moving import check_alias
from modelver.registry.reading import (
    find,
    map_digests,
    parse_ref,
    provenance_digest,
    read_manifest,
    scheme_of,
)
from modelver.registry.session import Session
from modelver.values import wire
from modelver.values.digest import Digest
from modelver.values.manifest import Manifest
from modelver.values.model_version import ModelVersion
from modelver.values.name import ModelName
from modelver.values.provenance import Code, Provenance, Run
from modelver.values.record import BaseModel, Dataset


def gather_sources(session: Session, statement: Statement) -> Gathered:
    """List a statement's files; see `modelver.content.sources.gather`."""
    return gather(statement.sources, statement.prompts, session.storage_options)


def register(
    session: Session,
    name: ModelName,
    statement: Statement,
    gathered: Gathered,
    wish: Wish,
    *,
    provenance: Provenance | None,
    move: bool,
    on_bytes: Callable[[int], None] | None,
) -> ModelVersion:
    """Store a version's files and commit it; see `Registry.register`."""
    session.open_for_writing()
    before = session.log(name).state()
    _check_wish(before, wish)
    metadata = attrs.evolve(
        statement.metadata,
        data=tuple(_dataset(session, dataset) for dataset in statement.data) or statement.metadata.data,
        base=tuple(_base(session, base) for base in statement.base) or statement.metadata.base,
    )
    draft = Manifest(name, "", (), metadata, statement.changelog)
    draft.to_bytes()
    stored = ingest(
        gathered.sources,
        Transfer(session.store, session.stamps, session.staging, move=move, on_bytes=on_bytes),
    )
    state = session.create_model(name, None)
    content = Content(
        manifest=attrs.evolve(draft, model=state.model or name, files=tuple(one.entry for one in stored)),
        stored=stored,
        provenance=_store_provenance(session, provenance),
        captured=provenance or Provenance(),
        swept=before.swept,
    )
    try:
        version = commit_version(session, name, content, wish)
    except ModelverError:
        if move:
            _give_back(gathered)
        raise
    if move:
        _remove_sources(gathered)
    return version


def _check_wish(state: State, wish: Wish) -> None:
    """Refuse, before anything is hashed, what the model's scheme does not allow."""
    if state.scheme is None:
        return
    if wish.version is not None:
        state.scheme.version(wish.version)
    for alias in wish.aliases:
        check_alias(state, alias)


def _dataset(session: Session, dataset: Dataset) -> Dataset:
    return digest_dataset(dataset, session.stamps, session.storage_options)


def _base(session: Session, base: str | BaseModel) -> BaseModel:
    """Pin a base model that is a reference in this registry to the digest that it names now."""
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


def _store_provenance(session: Session, provenance: Provenance | None) -> Digest | None:
    if provenance is None:
        return None
    data = wire.to_bytes(provenance)
    return put_missing(session.store, Digest.of(data), data)


def _give_back(gathered: Gathered) -> None:
    """Make sources files of their own again, where nothing was registered: they share their bytes with blobs."""
    for source in gathered.sources:
        if isinstance(source.origin, Path) and source.origin.exists() and source.origin.stat().st_nlink > 1:
            copy = source.origin.with_name(f".{source.origin.name}.{uuid.uuid4().hex}")
            shutil.copyfile(source.origin, copy)
            copy.replace(source.origin)


def _remove_sources(gathered: Gathered) -> None:
    """Take away the names of files that the registry has now."""
    for source in gathered.sources:
        if isinstance(source.origin, Path):
            source.origin.unlink(missing_ok=True)


def finalize(session: Session, ref: str | ModelVersion, *, commit_id: str | None) -> ModelVersion:
    """Make a release of a pre-release, from the same blobs; see `Registry.finalize`."""
    wanted = parse_ref(ref)
    state = session.state(wanted.model)
    entry = find(state, wanted)
    prerelease = scheme_of(state).version(entry.version)
    if not prerelease.is_prerelease:
        raise InvalidValue(
            "not a pre-release", where=f"{state.model}:{prerelease}", hint="It is final already."
        )
    if entry.yanked:
        raise InvalidValue(
            "this pre-release was yanked", where=f"{state.model}:{prerelease}", found=entry.yanked.message
        )
    session.open_for_writing()
    maps = map_digests(session, wanted.model, entry)
    manifest = read_manifest(session, wanted.model, entry)
    content = Content(
        manifest=manifest,
        stored=tuple(Stored(file, maps[file.path]) for file in manifest.files),
        provenance=provenance_digest(session, wanted.model, entry),
        captured=Provenance(),
        swept=state.swept,
        finalizes=entry.version,
    )
    wish = Wish(version=scheme_of(state).finalize(prerelease), commit_id=commit_id)
    return commit_version(session, wanted.model, content, wish)


def captured(session: Session, code: str | os.PathLike[str] | Code | None, run: Run | None) -> Provenance:
    """Capture where a version comes from; what the caller states wins."""
    from modelver.capture import capture

    folder = Path.cwd() if code is None or isinstance(code, Code) else Path(code)
    found = capture(folder, session.cache)
    stated = code if isinstance(code, Code) else found.code
    return attrs.evolve(found, code=stated, run=run or found.run)

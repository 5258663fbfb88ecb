"""A version into a server's layout: the rules of `serving.layouts`, brought about by `content.standing`."""

import os
from collections.abc import Mapping
from pathlib import Path

import attrs

from modelver.content.blobs import get_blob
from modelver.content.check import Checking
from modelver.content.fetch import Wanted
from modelver.content.places import local_place
from modelver.content.standing.afar import BucketSite, Pointer
from modelver.content.standing.linked import LinkedSite
from modelver.content.standing.local import LocalSite
from modelver.content.standing.mark import NAME, Mark
from modelver.content.standing.numbered import NumberedSite
from modelver.content.standing.order import Site, Wish, bring_about
from modelver.errors import InvalidValue, StoreError
from modelver.history.state import State, VersionEntry
from modelver.registry.base.opening import is_offline, scheme_of_url
from modelver.registry.base.progress import Callback, Progress
from modelver.registry.base.reading import read_maps
from modelver.registry.base.session import Session
from modelver.serving.layouts import MAX_TEXT, Contents, Kind, Layout, kind_of, plain, texts_wanted
from modelver.serving.materialized import Materialized
from modelver.serving.triton import CONFIG, triton
from modelver.serving.vllm import vllm
from modelver.storage import open_named
from modelver.storage.cached import CachedStore
from modelver.storage.failures import told_offline
from modelver.values.digest import Digest
from modelver.values.making import Architecture
from modelver.values.model_version import ModelVersion
from modelver.values.name import check_segment

KEEP = 2
GRACE = 300.0


@attrs.frozen
class Choices:
    """What the caller chose; see `Registry.materialize`."""

    layout: Kind = attrs.field(converter=kind_of)
    name: str | None
    file: str | None
    keep: int
    grace: float
    verify: bool
    storage_options: Mapping[str, object] | None
    callback: Callback | None

    def __attrs_post_init__(self) -> None:
        if self.keep < 1 or not self.grace >= 0:
            raise InvalidValue(
                "not a number of versions to keep, or not a time to keep them",
                where=f"keep={self.keep}, grace={self.grace}",
                expected="keep of 1 or more, grace of 0 seconds or more",
            )
        if self.layout is not Kind.TRITON and (self.name, self.file) != (None, None):
            raise InvalidValue("name and file are for Triton", where=f"layout={self.layout.value!r}")
        if self.name is not None:
            check_segment(self.name, what="model of Triton", whole=self.name)


def materialize(
    session: Session,
    state: State,
    entry: VersionEntry,
    record: ModelVersion,
    to: str | os.PathLike[str],
    choices: Choices,
) -> Materialized:
    """Lay a version out where a server reads it; see `Registry.materialize`."""
    number = list(state.versions).index(entry.version) + 1
    name = choices.name or record.name.folder
    layout = _layout(session, record, entry, choices, name, number)
    progress = Progress(choices.callback, sum(file.size for file in layout.files))
    wanted = Wanted(session.store, entry.digest, layout.files, None, progress, session.blobs)
    place = local_place(to)
    site: Site
    if place is not None:
        local = _local_site(session, place, layout, wanted, name)
        site, where, shelf = local, _shown(place), str(local.shelf)
    else:
        afar = _bucket_site(session, os.fspath(to), layout, wanted, name, choices)
        site, where, shelf = afar, afar.place, afar.where
    is_numbered = layout.kind is Kind.TRITON
    outcome = bring_about(
        site,
        Wish(
            Mark(session.identity.registry, record.name.folder, layout.kind.value),
            str(number) if is_numbered else f"{number}-{entry.digest.hex[:12]}",
            entry.version,
            str(entry.digest),
            layout.files,
            choices.keep,
            choices.grace,
        ),
    )
    progress.finish()
    return Materialized(
        where,
        f"{shelf}{os.sep if place else '/'}{outcome.standing.folder}",
        record,
        layout.kind.value,
        number,
        layout.files,
        copied=outcome.brought.copied,
        linked=outcome.brought.shared,
        on_server=outcome.brought.on_server,
        changed=outcome.changed,
    )


def _layout(
    session: Session, record: ModelVersion, entry: VersionEntry, choices: Choices, name: str, number: int
) -> Layout:
    contents = _contents(session, record, entry, choices.layout)
    if choices.layout is Kind.TRITON:
        return triton(contents, name=name, number=number, file=choices.file)
    return vllm(contents) if choices.layout is Kind.VLLM else plain(contents)


def _contents(session: Session, record: ModelVersion, entry: VersionEntry, kind: Kind) -> Contents:
    """Read what the rules of a layout look at."""
    texts = {
        file.path: get_blob(session.store, Digest.from_hex(file.sha256), limit=MAX_TEXT)
        for file in texts_wanted(kind, record.files)
    }
    if kind is not Kind.TRITON:
        return Contents(record.ref, record.files, texts)
    graphs = {file.path for file in record.files if file.path.lower().endswith(".onnx")}
    maps = read_maps(session, record.name, entry, graphs)
    stated = record.metadata.architecture or Architecture()
    return Contents(
        record.ref,
        record.files,
        texts,
        stated.inputs,
        stated.outputs,
        {path: (each.inputs, each.outputs) for path, each in maps.items() if each.inputs},
        {
            path: tuple(sorted({tensor.file for tensor in each.tensors if tensor.file}))
            for path, each in maps.items()
        },
    )


def _shown(place: Path) -> str:
    return os.path.abspath(place)  # noqa: PTH100 (it drops "..", and follows no link)


def _local_site(session: Session, place: Path, layout: Layout, wanted: Wanted, name: str) -> LocalSite:
    """Return a place in a folder; where a link is to be, links above it are followed, and it is not."""
    shown = Path(_shown(place))
    try:
        target = shown.resolve() if layout.kind is Kind.TRITON else shown.parent.resolve() / shown.name
    except (OSError, RuntimeError) as error:  # RuntimeError: links that lead to each other
        raise StoreError("not a place to lay a version out", where=place, found=error) from error
    if not target.name or any(target.is_relative_to(folder) for folder in session.own_folders):
        raise _ours(shown, target)
    if any(part.startswith(".") and part.endswith(".modelver") for part in target.parts):
        raise _ours(shown, target)
    checking = Checking("stamp", session.stamps, dict)
    if layout.kind is Kind.TRITON:
        return NumberedSite(target, name, CONFIG, layout.config, wanted, checking)
    return LinkedSite(target, wanted, checking)


def _ours(where: object, target: object = "") -> InvalidValue:
    return InvalidValue(
        "not a place to lay a version out: it is the registry's, the cache's, or another layout's",
        where=where,
        found="" if target == where else target,
        hint="Choose a folder of its own.",
    )


def _bucket_site(
    session: Session, address: str, layout: Layout, wanted: Wanted, name: str, choices: Choices
) -> BucketSite:
    if is_offline(None) or (isinstance(session.store, CachedStore) and session.store.is_offline):
        raise told_offline(address)
    options = choices.storage_options or session.storage_options.get(scheme_of_url(address), {})
    files, folder = open_named(address, storage_options=options)
    shelf = f"{folder}/" if folder else ""
    place, registry = f"{files.place}/{shelf}", f"{session.store.place}/"
    if place.startswith(registry) or registry.startswith(place):
        raise _ours(f"{files.url}/{shelf}")
    if layout.kind is Kind.TRITON:
        mark = f"{shelf}{name}.{NAME}"
        pointer = Pointer(f"{shelf}{name}/{CONFIG}", layout.config)
        return BucketSite(
            files, shelf, f"{name}/", mark, wanted, session.cache, pointer=pointer, reads_back=choices.verify
        )
    return BucketSite(
        files, shelf, "", f"{shelf}{NAME}", wanted, session.cache, pointer=None, reads_back=choices.verify
    )

"""``modelver cache``."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from modelver.cli.commands.verify import report_data, show_report
from modelver.cli.exit_codes import CHECK_FAILED, OK
from modelver.cli.options import Call, verb
from modelver.cli.progress import Bar
from modelver.cli.terminal import say, write_json

if TYPE_CHECKING:
    from modelver.content.keeping.cleaning import Pruned, Wish
    from modelver.content.keeping.keeper import Keeper
    from modelver.content.keeping.survey import Name, Survey, Version
    from modelver.values.canonical import Json

_ACTIONS = ("list", "prune", "verify")
_NANOSECONDS = 1_000_000_000


@verb("cache")
@click.argument("action", type=click.Choice(_ACTIONS))
@click.option(
    "--size", metavar="SIZE", help="prune: down to this size, such as 10GiB. [default: the cache's limit]"
)
@click.option("--older-than", metavar="AGE", help="prune: what was last used longer ago, such as 30d or 12h.")
@click.option("--all", "everything", is_flag=True, help="prune: everything that is not in use.")
@click.option("--dry-run", is_flag=True, help="prune: only say what would be removed.")
@click.option("--keep", is_flag=True, help="verify: leave what is damaged where it is.")
def command(
    call: Call,
    *,
    action: str,
    size: str | None,
    older_than: str | None,
    everything: bool,
    dry_run: bool,
    keep: bool,
) -> int:
    """List, prune or verify this machine's cache.

    It holds versions that were loaded, blobs of remote registries and what was read of their logs. The least recently
    used goes first, and nothing that a living process has loaded. No registry is opened.
    """
    if action != "prune" and (size or older_than or everything or dry_run):
        raise click.UsageError("--size, --older-than, --all and --dry-run are for prune alone.")
    if action != "verify" and keep:
        raise click.UsageError("--keep is for verify alone.")
    keeper = _keeper()
    if action == "verify":
        return _verify(call, keeper, keep=keep)
    if action == "prune":
        _prune(call, keeper, _wish(keeper, size, older_than, everything=everything, dry_run=dry_run))
    else:
        _list(call, keeper)
    return OK


def _keeper() -> "Keeper":
    from modelver.cache.place import cache_dir
    from modelver.cache.stamps import StampCache
    from modelver.content.keeping.keeper import Keeper
    from modelver.content.keeping.limit import cache_limit

    place = cache_dir()
    return Keeper(place, cache_limit(None, place), StampCache(place))


def _wish(
    keeper: "Keeper", size: str | None, older_than: str | None, *, everything: bool, dry_run: bool
) -> "Wish":
    import time

    from modelver.content.keeping.cleaning import Wish
    from modelver.content.keeping.limit import parse_age, parse_size

    limit = parse_size(size, where="--size") if size else None
    older_ns = None
    if older_than:
        older_ns = time.time_ns() - int(parse_age(older_than, where="--older-than") * _NANOSECONDS)
    if limit is None and older_ns is None:
        limit = keeper.limit
    return Wish(limit=limit, older_ns=older_ns, everything=everything, dry_run=dry_run)


def _list(call: Call, keeper: "Keeper") -> None:
    from modelver.content.keeping.holding import in_use
    from modelver.content.keeping.survey import survey

    found = survey(keeper.cache)
    rows = [
        _Row(version, _ref(keeper.cache, version), in_use(version.path))
        for version in reversed(found.versions)
    ]
    if call.as_json:
        write_json(_list_data(keeper, found, rows))
        return
    from modelver.cli.render import QUIET, cell, files_and_size, moment
    from modelver.values.sizes import format_size

    with call.screen() as screen:
        screen.heading(keeper.cache, f"{format_size(found.size)}, limit {_limit(keeper)}")
        screen.facts((kind, files_and_size(*_total(names)) if names else "") for kind, names in _kinds(found))
        screen.facts([("elsewhere too", format_size(found.shared) if found.shared else "")])
        if not rows:
            return
        cells = [
            (
                cell(row.ref, "bold") if row.ref else cell("?", QUIET),
                row.version.digest[:12],
                format_size(row.version.size),
                moment(_used_at(row.version)),
                row.note,
            )
            for row in rows
        ]
        screen.table(("version", "digest", "size", "last used (UTC)", ""), cells, title="versions")


class _Row(NamedTuple):
    version: "Version"
    ref: str | None
    in_use: bool

    @property
    def note(self) -> str:
        """What a person should know of it."""
        is_part = "-" in self.version.path.name
        return ", ".join(note for note, holds in (("a part", is_part), ("in use", self.in_use)) if holds)


def _list_data(keeper: "Keeper", found: "Survey", rows: list[_Row]) -> "Json":
    from modelver.cache.place import is_private
    from modelver.values.wire import format_time

    versions: list[Json] = [
        {
            "ref": row.ref,
            "digest": f"sha256:{row.version.digest}",
            "path": str(row.version.path),
            "files": len(row.version.files),
            "size": row.version.size,
            "used_at": format_time(_used_at(row.version)),
            "in_use": row.in_use,
        }
        for row in rows
    ]
    totals: dict[str, Json] = {}
    for kind, names in _kinds(found):
        files, size = _total(names)
        totals[kind] = {"files": files, "size": size}
    return {
        "cache": str(keeper.cache),
        "private": is_private(keeper.cache),
        "limit": keeper.limit,
        "size": found.size,
        "shared": found.shared,
        "versions": versions,
        **totals,
    }


def _kinds(found: "Survey") -> "list[tuple[str, tuple[Name, ...]]]":
    return [("blobs", found.blobs), ("partial", found.partial), ("registries", found.registries)]


def _total(names: "tuple[Name, ...]") -> tuple[int, int]:
    return len(names), sum(name.stamp.size for name in names)


def _limit(keeper: "Keeper") -> str:
    from modelver.values.sizes import format_size

    return "none" if keeper.limit is None else format_size(keeper.limit)


def _ref(cache: Path, version: "Version") -> str | None:
    """Return which version it is, where its manifest is in the cache."""
    from modelver.content.keeping.recheck import manifest_of

    manifest = manifest_of(cache, version)
    return f"{manifest.model}:{manifest.version}" if manifest else None


def _used_at(version: "Version") -> datetime:
    return datetime.fromtimestamp(version.used_ns / _NANOSECONDS, UTC)


def _prune(call: Call, keeper: "Keeper", wish: "Wish") -> None:
    from modelver.content.keeping.survey import survey

    refs = {version.path: _ref(keeper.cache, version) for version in survey(keeper.cache).versions}
    pruned = keeper.prune(wish)
    if call.as_json:
        data: dict[str, Json] = {
            "cache": str(keeper.cache),
            "dry_run": wish.dry_run,
            "size": pruned.size,
            "freed": _freed(pruned),
        }
        write_json({**data, **_pruned_data(pruned, refs)})
        return
    from modelver.values.sizes import format_size

    with call.screen() as screen:
        done, now = ("Would remove", "would take") if wish.dry_run else ("Removed", "takes")
        screen.line(f"{done} {_what_went(pruned)}; the cache {now} {format_size(pruned.size)}")
        rows = [
            (refs.get(path) or "?", path.name[:12], what)
            for what, paths in ((done.lower(), _versions(pruned)), ("in use", pruned.in_use))
            for path in paths
        ]
        if rows:
            screen.table(("version", "digest", ""), rows)


def _versions(pruned: "Pruned") -> list[Path]:
    return [each.path for each in pruned.removed if each.kind == "version"]


def _freed(pruned: "Pruned") -> int:
    return sum(each.size for each in pruned.removed)


def _what_went(pruned: "Pruned") -> str:
    """Return what was removed, in words: ``1 version, 3 blobs, 2.3 MB``."""
    from modelver.cli.render import amount
    from modelver.values.sizes import format_size

    names = {"partial": "broken-off download", "registry": "registry's log", "odd": "foreign thing"}
    counts = Counter(each.kind for each in pruned.removed)
    parts = [amount(count, names.get(kind, kind)) for kind, count in counts.items()]
    return ", ".join([*parts, format_size(_freed(pruned))]) if parts else "nothing"


def _pruned_data(pruned: "Pruned", refs: "Mapping[Path, str | None]") -> "dict[str, Json]":
    return {
        "removed": [
            {"kind": each.kind, "path": str(each.path), "ref": refs.get(each.path), "size": each.size}
            for each in pruned.removed
        ],
        "in_use": [{"path": str(path), "ref": refs.get(path)} for path in pruned.in_use],
    }


def _verify(call: Call, keeper: "Keeper", *, keep: bool) -> int:
    from modelver.content.keeping.cleaning import Pruned, Wish
    from modelver.content.keeping.recheck import recheck
    from modelver.content.keeping.survey import survey

    found = survey(keeper.cache)
    refs = {version.path: _ref(keeper.cache, version) for version in found.versions}
    with Bar("verifying") as bar:
        bar.set_size(found.size + found.shared)
        report, bad = recheck(keeper.cache, found, keeper.stamps, bar.relative_update)
    pruned = Pruned((), (), found.size) if keep or not bad else keeper.prune(Wish(paths=bad))
    if call.as_json:
        write_json({**report_data(report), **_pruned_data(pruned, refs)})
    else:
        show_report(call, report)
    if pruned.removed:
        say(f"Removed {_what_went(pruned)}; loading fetches it again")
    for path in pruned.in_use:
        say(f"In use, and left: {refs.get(path) or path}")
    return OK if report.ok else CHECK_FAILED

"""What each alias of a model names: told by `alias` and by `status`."""

from modelver.cli.render import BAD, Cell, Screen, cell, moment
from modelver.registry.aliases.standing import AliasStatus, ModelStatus
from modelver.registry.base.results import VersionStatus


def naming(status: VersionStatus) -> str:
    """Return the aliases that name a version, and which of them are pinned."""
    return ", ".join(
        f"{alias} (pinned)" if alias in status.pins else alias for alias in sorted(status.aliases)
    )


def show_serving(screen: Screen, status: ModelStatus) -> None:
    """Show what each alias names, since when, by whom and why."""
    if not status:
        screen.line("There are no aliases.")
        return
    rows = [_row(each) for each in status.values()]
    screen.table(("alias", "version", "since (UTC)", "by", "why"), rows)


def _row(status: AliasStatus) -> tuple[Cell, ...]:
    number = str(status.version.version)
    version = cell(f"{number} YANKED", BAD) if status.yanked else number
    pinned = f"PINNED by {status.pin.by}: {status.pin.message}" if status.pin else ""
    why = "; ".join(filter(None, (pinned, status.reason)))
    return cell(status.alias, "bold"), version, moment(status.since), status.by, why

"""``modelver status``."""

from typing import TYPE_CHECKING

import click

from modelver.cli.completion import complete_subjects
from modelver.cli.options import Call, verb
from modelver.cli.terminal import write_json

if TYPE_CHECKING:
    from modelver.cli.render import Screen
    from modelver.registry import VersionStatus
    from modelver.registry.aliases.standing import ModelStatus
    from modelver.values.canonical import Json


@verb("status")
@click.argument("subject", metavar="[MODEL|REF]", required=False, shell_complete=complete_subjects)
@click.option(
    "--against",
    metavar="ALIAS",
    help="Tell how far the other aliases are ahead of this one, or behind. [default: production]",
)
def command(call: Call, *, subject: str | None, against: str | None) -> None:
    """Show what each alias serves, or what happened to a version.

    For a MODEL, or for all of them: what each alias names, since when, by whom and why, and how far the others are ahead of
    production, or behind. For a REF: what happened since it was registered: aliases that name it, approvals and rejections,
    a yank, metrics, tags and notes that were added.
    """
    if subject is not None and ("@" in subject or ":" in subject):
        if against is not None:
            raise click.UsageError("--against goes with a MODEL, or with none.")
        _version(call, subject)
    else:
        _models(call, subject, against or "production")


def _models(call: Call, model: str | None, against: str) -> None:
    names = call.registry.models() if model is None else [model]
    found = [call.registry.serving(name, against=against) for name in names]
    if call.as_json:
        write_json({"models": [each.to_dict() for each in found]} if model is None else found[0].to_dict())
        return
    with call.screen() as screen:
        for status in found:
            _show(screen, status)
        if not found:
            screen.line("There are no models.")


def _show(screen: "Screen", status: "ModelStatus") -> None:
    from modelver.cli.render import amount
    from modelver.cli.serving import show_serving

    highest = f", the highest {status.highest}" if status.highest is not None else ""
    screen.heading(status.model, amount(status.versions, "version") + highest)
    show_serving(screen, status)
    for each in status.distances:
        screen.line(f"  {each}")


def _version(call: Call, ref: str) -> None:
    status = call.registry.status(ref)
    if call.as_json:
        write_json(_data(status))
        return
    from modelver.cli.metrics import show_metrics
    from modelver.cli.render import BAD, cell, moment

    with call.screen() as screen:
        screen.heading(status.version.ref, status.version.digest)
        yanked = status.yanked
        screen.facts(
            [
                ("registered", f"{moment(status.version.created_at)} UTC by {status.version.created_by}"),
                *((alias, f"since {moment(since)} UTC") for alias, since in sorted(status.aliases.items())),
                *(
                    (f"{alias} pinned", f"{moment(pin.at)} UTC by {pin.by}: {pin.message}")
                    for alias, pin in sorted(status.pins.items())
                ),
                ("yanked", yanked and cell(f"{moment(yanked.at)} UTC by {yanked.by}: {yanked.message}", BAD)),
                ("finalizes", status.finalizes),
                *(
                    (each.decision, cell(each, BAD if each.against or each.decision == "rejected" else ""))
                    for each in status.judged
                ),
                ("tags", "\n".join(f"{name}: {text}" for name, text in status.tags.items())),
                *(("note", note) for note in status.notes),
            ]
        )
        show_metrics(screen, status.metrics)


def _data(status: "VersionStatus") -> "dict[str, Json]":
    from modelver.cli.data import mark_data, metric_data, version_data
    from modelver.values.wire import format_time

    return {
        **version_data(status.version),
        "aliases": {str(alias): format_time(since) for alias, since in sorted(status.aliases.items())},
        "pins": {str(alias): mark_data(pin) for alias, pin in sorted(status.pins.items())},
        "yanked": mark_data(status.yanked),
        "finalizes": status.finalizes,
        "approvals": [each.to_dict() for each in status.approvals],
        "rejections": [each.to_dict() for each in status.rejections],
        "metrics": [metric_data(metric) for metric in status.metrics],
        "tags": status.tags,
        "notes": list(status.notes),
    }

"""``modelver status``."""

from typing import TYPE_CHECKING

import click

from modelver.cli.completion import complete_subjects
from modelver.cli.options import Call, verb
from modelver.cli.terminal import write_json

if TYPE_CHECKING:
    from modelver.registry import VersionStatus
    from modelver.values.canonical import Json


@verb("status")
@click.argument("subject", metavar="MODEL|REF", shell_complete=complete_subjects)
def command(call: Call, *, subject: str) -> None:
    """Show what each alias serves, or what happened to a version.

    For a MODEL: what each alias names, since when, by whom and why. For a REF: what happened since it was registered:
    aliases that name it, approvals and rejections, a yank, metrics, tags and notes that were added.
    """
    if "@" in subject or ":" in subject:
        _version(call, subject)
    else:
        _model(call, subject)


def _model(call: Call, model: str) -> None:
    from modelver.cli.serving import serving, show_serving

    found = serving(call.registry, model)
    versions = [version.version for version in call.registry.versions(model)]
    highest = str(versions[-1]) if versions else None
    if call.as_json:
        data: dict[str, Json] = {"model": model, "versions": len(versions), "highest": highest}
        write_json({**data, "aliases": [each.data() for each in found]})
        return
    with call.screen() as screen:
        from modelver.cli.render import amount

        screen.heading(
            model, amount(len(versions), "version") + (f", the highest {highest}" if highest else "")
        )
        show_serving(screen, found)


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

"""``modelver list``."""

import click

from modelver.cli.completion import complete_models
from modelver.cli.options import Call, verb
from modelver.cli.terminal import write_json


@verb("list")
@click.argument("model", required=False, shell_complete=complete_models)
def command(call: Call, *, model: str | None) -> None:
    """List models, or a model's versions, the lowest first."""
    if model is None:
        _models(call)
    else:
        _versions(call, model)


def _models(call: Call) -> None:
    registry = call.registry
    found = [(str(name), registry.versions(name), registry.aliases(name)) for name in registry.models()]
    if call.as_json:
        models = [
            {
                "model": name,
                "versions": len(versions),
                "highest": str(versions[-1].version) if versions else None,
                "aliases": {str(alias): str(version.version) for alias, version in aliases.items()},
            }
            for name, versions, aliases in found
        ]
        write_json({"registry": registry.url, "models": models})
        return
    with call.screen() as screen:
        from modelver.cli.render import cell

        if not found:
            screen.line(f"There are no models in {registry.url}.")
            return
        rows = [
            (
                cell(name, "bold"),
                str(len(versions)),
                str(versions[-1].version) if versions else "",
                ", ".join(f"{alias} {version.version}" for alias, version in aliases.items()),
            )
            for name, versions, aliases in found
        ]
        screen.table(("model", "versions", "highest", "aliases"), rows)


def _versions(call: Call, model: str) -> None:
    found = [call.registry.status(version.ref) for version in call.registry.versions(model)]
    if call.as_json:
        from modelver.cli.data import version_data

        versions = [
            {
                **version_data(status.version),
                "aliases": sorted(map(str, status.aliases)),
                "yanked": bool(status.yanked),
            }
            for status in found
        ]
        write_json({"model": model, "versions": versions})
        return
    with call.screen() as screen:
        from modelver.cli.render import BAD, cell, moment
        from modelver.cli.serving import naming

        if not found:
            screen.line(f"{model} has no versions.")
            return
        rows = [
            (
                cell(status.version.version, "bold"),
                moment(status.version.created_at),
                status.version.created_by,
                cell("YANKED", BAD) if status.yanked else naming(status),
                status.version.digest.short,
            )
            for status in found
        ]
        screen.table(("version", "registered (UTC)", "by", "aliases", "digest"), rows)

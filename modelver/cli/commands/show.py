"""``modelver show``."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from modelver.cli.options import Call, ref_argument, verb
from modelver.cli.terminal import write_json

if TYPE_CHECKING:
    from modelver.cli.render import Screen
    from modelver.registry import VersionStatus
    from modelver.values.canonical import Json
    from modelver.values.making import Port, PromptFile
    from modelver.values.model_version import ModelVersion
    from modelver.values.provenance import Provenance
    from modelver.values.record import Metadata

_PORTS = 8
"""Inputs, and outputs, that are shown to a person."""


@verb("show")
@ref_argument
@click.option("--at", metavar="TIME", help="What the reference named then: ISO 8601; UTC without a zone.")
def command(call: Call, *, ref: str, at: str | None) -> None:
    """Show what is known of a version, now or at a time.

    What its publisher stated, its files, and what was captured. What was added since is told by status.
    """
    version = call.registry.resolve(ref, at=at)
    status = call.registry.status(version)
    if call.as_json:
        write_json(_data(status))
        return
    with call.screen() as screen:
        _show(screen, status)


def _data(status: "VersionStatus") -> "dict[str, Json]":
    from modelver.cli.data import file_data, mark_data, stated, version_data

    version = status.version
    return {
        **version_data(version),
        "size": version.size,
        "files": [file_data(entry) for entry in version.files],
        "metadata": stated(version.metadata),
        "changelog": stated(version.changelog),
        "provenance": stated(version.provenance),
        "architecture": stated(version.architecture),
        "prompts": [_prompt_data(prompt) for prompt in version.prompts],
        "aliases": sorted(map(str, status.aliases)),
        "yanked": mark_data(status.yanked),
    }


def _show(screen: "Screen", status: "VersionStatus") -> None:
    from modelver.cli.metrics import show_metrics
    from modelver.cli.render import BAD, cell, files_and_size, moment
    from modelver.cli.serving import naming
    from modelver.values.sizes import format_size

    version = status.version
    screen.heading(version.ref, naming(status))
    if status.yanked:
        screen.line(
            f"YANKED {moment(status.yanked.at)} UTC by {status.yanked.by}: {status.yanked.message}", BAD
        )
    screen.facts(
        [
            ("digest", version.digest),
            ("registered", f"{moment(version.created_at)} UTC by {version.created_by}"),
            ("changelog", version.changelog),
            *_metadata(version.metadata),
            *_architecture(version),
            *(("prompt", prompt) for prompt in version.prompts),
            *_provenance(version.provenance),
        ]
    )
    show_metrics(screen, version.metrics)
    rows = [
        (entry.path, entry.role.value, format_size(entry.size), cell(entry.sha256[:12], "dim"))
        for entry in version.files
    ]
    title = files_and_size(len(version.files), version.size)
    screen.table(("file", "role", "size", "sha256"), rows, title=title)


def _prompt_data(prompt: "PromptFile") -> "dict[str, Json]":
    return {
        "name": prompt.name,
        "path": prompt.path,
        "version": prompt.version,
        "variables": None if prompt.variables is None else list(prompt.variables),
        "description": prompt.description,
    }


def _architecture(version: "ModelVersion") -> Iterator[tuple[str, object]]:
    """Yield what is stated of the architecture, or was found in the files."""
    found = version.architecture
    yield "family", found.family
    yield "parameters", "" if found.parameters is None else f"{found.parameters:,}"
    yield "layers", "" if found.layers is None else f"{found.layers:,}"
    yield "element types", ", ".join(found.dtypes)
    yield "inputs", _ports(found.inputs)
    yield "outputs", _ports(found.outputs)


def _ports(ports: "tuple[Port, ...]") -> str:
    more = f"\n... and {len(ports) - _PORTS:,} more" if len(ports) > _PORTS else ""
    return "\n".join(map(str, ports[:_PORTS])) + more


def _metadata(metadata: "Metadata") -> Iterator[tuple[str, object]]:
    yield "description", metadata.description
    yield "intended use", "\n".join(metadata.intended_use)
    yield "limitations", "\n".join(metadata.limitations)
    yield "ethical considerations", "\n".join(metadata.ethical_considerations)
    yield "license", metadata.license
    yield "owners", ", ".join(metadata.owners)
    if metadata.external_facing is not None:
        yield "external facing", "yes" if metadata.external_facing else "no"
    for name, value in metadata.params.items():
        yield f"param {name}", _text(value)
    for dataset in metadata.data:
        parts = (
            dataset.uri,
            dataset.split,
            dataset.version,
            dataset.license,
            "" if dataset.rows is None else f"{dataset.rows:,} rows",
            "stored" if dataset.snapshot else "",
            dataset.method,
            dataset.digest[:19],
        )
        yield f"data {dataset.name}", "  ".join(filter(None, parts))
    for number, step in enumerate(metadata.preprocessing, start=1):
        yield f"step {number}", step
    for base in metadata.base:
        yield "base", f"{base.name}  {base.digest.short}" if base.digest else base.name
    for name, value in metadata.tags.items():
        yield f"tag {name}", value
    for name, value in metadata.custom.items():
        yield name, _text(value)


def _text(value: "Json") -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _provenance(provenance: "Provenance") -> Iterator[tuple[str, object]]:
    code, environment, host, run = (
        provenance.code,
        provenance.environment,
        provenance.host,
        provenance.run,
    )
    if code:
        changes = "  with uncommitted changes" if code.dirty else ""
        yield "code", "  ".join(filter(None, (code.commit[:12], code.branch, code.repository))) + changes
    if environment:
        packages = f"{len(environment.packages)} packages"
        yield (
            "environment",
            f"{environment.implementation} {environment.python}, {environment.platform}, {packages}",
        )
    if host:
        yield "host", f"{host.user}@{host.name}"
    if run:
        yield "run", "  ".join(filter(None, (run.system, run.id, run.url)))

"""``modelver register``."""

import json
from typing import TYPE_CHECKING, Literal, TypedDict

import click

from modelver.cli.completion import complete_models
from modelver.cli.options import Call, commit_id_option, pairs, verb
from modelver.cli.progress import Bar
from modelver.cli.texts import next_version_options
from modelver.values.canonical import Json

if TYPE_CHECKING:
    from modelver.values.model_version import ModelVersion


def _json_values(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> dict[str, Json]:
    """Read values that are JSON as such (``3e-4``, ``true``, ``[64, 16]``), and others as text."""
    return {name: _json_or_text(value) for name, value in pairs(ctx, param, values).items()}


def _json_or_text(text: str) -> Json:
    try:
        value: Json = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value


class _Options(TypedDict):
    """What a version of files and a version of a project have in common."""

    version: str | None
    bump: Literal["auto", "major", "minor", "patch", "prerelease"]
    changelog: str | None
    metrics: dict[str, float]
    params: dict[str, Json]
    prompts: dict[str, str]
    data: dict[str, object]
    metadata: dict[str, object]
    base: tuple[str, ...]
    tags: dict[str, str]
    run: str | None
    aliases: tuple[str, ...]
    capture: bool
    if_unchanged: Literal["return", "error"]
    commit_id: str | None


@verb("register")
@click.argument("model", required=False, shell_complete=complete_models)
@click.argument("source", nargs=-1, type=click.Path())
@next_version_options
@click.option(
    "--param",
    "params",
    multiple=True,
    metavar="NAME=VALUE",
    callback=_json_values,
    help="A hyperparameter: JSON, else text.",
)
@click.option(
    "--prompt",
    "prompts",
    multiple=True,
    metavar="NAME=FILE",
    callback=pairs,
    help="A prompt that lies elsewhere.",
)
@click.option(
    "--data",
    multiple=True,
    metavar="NAME=URI",
    callback=pairs,
    help="A dataset: its digest is recorded, it is not stored.",
)
@click.option(
    "--snapshot",
    "snapshots",
    multiple=True,
    metavar="NAME=URI",
    callback=pairs,
    help="A dataset that is stored with the version, too.",
)
@click.option("--intended-use", multiple=True, metavar="TEXT", help="What it is for.")
@click.option("--limitation", "limitations", multiple=True, metavar="TEXT", help="What it can't do.")
@click.option("--license", metavar="SPDX", help="Its licence, such as apache-2.0.")
@click.option(
    "--external-facing/--no-external-facing",
    default=None,
    help="Whether people outside the organisation meet its output.",
)
@click.option(
    "--base", multiple=True, metavar="REF", help="A version in this registry that it was made from."
)
@click.option("--tag", "tags", multiple=True, metavar="NAME=TEXT", callback=pairs, help="A short label.")
@click.option(
    "--alias", "aliases", multiple=True, metavar="ALIAS", help="Set to the version in the same commit."
)
@click.option("--run", metavar="URL|ID", help="The training run. [default: taken from the environment]")
@click.option("--no-capture", is_flag=True, help="Don't record git, environment, host and run.")
@click.option("--move", is_flag=True, help="Take the files instead of copying them.")
@click.option(
    "--if-unchanged",
    type=click.Choice(("return", "error")),
    default="return",
    help="Where nothing changed: name the version that is there, or exit with 4. [default: return]",
)
@commit_id_option
def command(
    call: Call,
    *,
    model: str | None,
    source: tuple[str, ...],
    version: str | None,
    bump: Literal["auto", "major", "minor", "patch", "prerelease"] | None,
    changelog: str | None,
    changelog_file: str | None,
    metrics: dict[str, float],
    params: dict[str, Json],
    prompts: dict[str, str],
    data: dict[str, str],
    snapshots: dict[str, str],
    intended_use: tuple[str, ...],
    limitations: tuple[str, ...],
    license: str | None,  # noqa: A002 (the option's name)
    external_facing: bool | None,
    base: tuple[str, ...],
    tags: dict[str, str],
    aliases: tuple[str, ...],
    run: str | None,
    no_capture: bool,
    move: bool,
    if_unchanged: Literal["return", "error"],
    commit_id: str | None,
) -> None:
    """Register files, or this project, as a version of a model.

    Without MODEL: what the nearest modelver.toml names; options count more than what it says of the same name.

    SOURCE is a file, a folder or an fsspec URL. A single folder's content goes to the top of the version; of several
    sources, each goes there under its own name. There may be none where there are prompts.

    The version's reference is printed. Where nothing changed since the last version, that one is named.
    """
    if version and bump:
        raise click.UsageError("--version and --bump exclude each other.")
    if changelog is not None and changelog_file is not None:
        raise click.UsageError("--changelog and --changelog-file exclude each other.")
    if model is None and move:
        raise click.UsageError("--move goes with MODEL and SOURCE: it would take a project's files away.")
    metadata = {
        "intended_use": intended_use or None,
        "limitations": limitations or None,
        "license": license,
        "external_facing": external_facing,
    }
    options: _Options = {
        "version": version,
        "bump": bump or "auto",
        "changelog": changelog_file if changelog is None else changelog,
        "metrics": metrics,
        "params": params,
        "prompts": prompts,
        "data": _datasets(data, snapshots),
        "metadata": {key: value for key, value in metadata.items() if value is not None},
        "base": base,
        "tags": tags,
        "run": run,
        "aliases": aliases,
        "capture": not no_capture,
        "if_unchanged": if_unchanged,
        "commit_id": commit_id,
    }
    made = _register(call, model, source, options, move=move)
    done = f"Registered {made.ref}" if made.created else f"Nothing has changed since {made.ref}"
    also = f"; it is {', '.join(aliases)} now" if aliases else ""
    call.done(made, f"{done}: {made.digest.short}{also}", created=made.created)


def _datasets(data: dict[str, str], snapshots: dict[str, str]) -> dict[str, object]:
    """Return datasets by name; those that are stored know it themselves."""
    from modelver.values.record import Dataset

    for name in snapshots:
        if name in data:
            raise click.UsageError(f"dataset {name!r} is given by --data and by --snapshot.")
    return {**data, **{name: Dataset(name, uri=uri, snapshot=True) for name, uri in snapshots.items()}}


def _register(
    call: Call, model: str | None, source: tuple[str, ...], options: _Options, *, move: bool
) -> "ModelVersion":
    with Bar("registering") as bar:
        if model is None:
            return call.registry.register_project(".", **options, callback=bar)
        sources = source[0] if len(source) == 1 else source
        return call.registry.register(model, sources, **options, move=move, callback=bar)

"""``modelver release``."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Literal, cast

import click

from modelver.cli import exit_codes
from modelver.cli.completion import complete_aliases
from modelver.cli.options import Call, commit_id_option, reason_option, verb
from modelver.cli.terminal import say, write, write_json
from modelver.cli.texts import next_version_options
from modelver.errors import ModelverError, StoreError
from modelver.publish.audiences import AUDIENCES, Audience

if TYPE_CHECKING:
    from modelver.registry.release.released import Release
    from modelver.values.canonical import Json


@verb("release")
@click.option(
    "--project",
    type=click.Path(exists=True),
    metavar="PATH",
    default=".",
    help="The working tree to release, or its project file. [default: the current folder]",
)
@next_version_options
@click.option("--run", metavar="URL|ID", help="The training run. [default: taken from the environment]")
@click.option(
    "--alias",
    metavar="ALIAS",
    shell_complete=complete_aliases,
    help="Promote the version to this alias at the end.",
)
@reason_option
@click.option(
    "--tag/--no-tag", default=None, help="Make an annotated git tag. [default: where there is a checkout]"
)
@click.option("--push-tag", is_flag=True, help="Push that tag, and nothing else.")
@click.option("--remote", metavar="NAME", default="origin", help="Where to push it. [default: origin]")
@click.option(
    "--output",
    type=click.Path(file_okay=False),
    metavar="DIR",
    help="Where card.md and notes.md go. [default: the folder release of the project]",
)
@click.option("--no-files", is_flag=True, help="Write neither card nor notes.")
@click.option(
    "--audience",
    type=click.Choice(tuple(AUDIENCES)),
    default="product",
    help="Who reads the notes; product unless you say otherwise.",
)
@click.option("--allow-dirty", is_flag=True, help="Release although tracked files differ from the commit.")
@click.option(
    "--dry-run", is_flag=True, help="Change nothing; exit with 1 where something would be in the way."
)
@click.option(
    "--github/--no-github",
    default=None,
    help="Write $GITHUB_OUTPUT and $GITHUB_STEP_SUMMARY. [default: where they are set]",
)
@commit_id_option
def command(
    call: Call,
    *,
    project: str,
    version: str | None,
    bump: Literal["auto", "major", "minor", "patch", "prerelease"] | None,
    changelog: str | None,
    changelog_file: str | None,
    metrics: dict[str, float],
    run: str | None,
    alias: str | None,
    reason: str,
    tag: bool | None,
    push_tag: bool,
    remote: str,
    output: str | None,
    no_files: bool,
    audience: str,
    allow_dirty: bool,
    dry_run: bool,
    github: bool | None,
    commit_id: str | None,
) -> int:
    """Release a project: check, register, tag, write, set an alias.

    Everything that can be asked is asked before anything is changed. What was done already is not done twice: run it
    again after a crash, or once an approval is there, and it goes on from where it was.

    The version's reference is printed. Where all was released but the alias is refused, the exit code is 6.
    """
    if version and bump:
        raise click.UsageError("--version and --bump exclude each other.")
    if changelog is not None and changelog_file is not None:
        raise click.UsageError("--changelog and --changelog-file exclude each other.")
    if no_files and output is not None:
        raise click.UsageError("--output and --no-files exclude each other.")
    from modelver.cli.progress import Bar

    if github:
        from modelver.cli.github import check_places

        check_places()
    with _told_of_trouble(github), Bar("registering") as bar:
        released = call.registry.release_project(
            project,
            version=version,
            bump=bump or "auto",
            changelog=changelog_file if changelog is None else changelog,
            metrics=metrics,
            run=run,
            alias=alias,
            reason=reason,
            tag=tag,
            push_tag=push_tag,
            remote=remote,
            files=not no_files,
            output=output,
            audience=cast("Audience", audience),
            allow_dirty=allow_dirty,
            dry_run=dry_run,
            strict=False,
            commit_id=commit_id,
            callback=bar,
        )
    if github is not False:
        _tell_github(released)
    return _answer(call, released)


@contextmanager
def _told_of_trouble(github: bool | None) -> Iterator[None]:
    """Say in the step's summary what went wrong."""
    try:
        yield
    except ModelverError as error:
        if github is not False:
            from modelver.cli.github import write_summary
            from modelver.registry.release.summing import plain

            with suppress(StoreError):
                write_summary(f"## The release failed\n\n{plain(error)}\n")
        raise


def _answer(call: Call, released: "Release") -> int:
    say(f"{released.headline}: {released.digest.short}")
    say(f"  {released.why}")
    for step in released.steps:
        say(f"  {step}")
    for note in released.findings:
        say(f"  note: {note}")
    code = exit_codes.OK
    if released.error is not None:
        say(f"Error: {released.error}")
        code = exit_codes.CHECK_FAILED if released.dry_run else exit_codes.code_of(released.error)
    if call.as_json:
        write_json(_data(released, code))
    elif released.record or released.dry_run:
        write(released.ref)
    _show_verdicts(call, released)
    return code


def _data(released: "Release", code: int) -> "dict[str, Json]":
    data = released.to_dict()
    if released.error is not None:
        from modelver.cli.failures import error_fields

        data["error"] = {**error_fields(released.error), "exit_code": code}
    return data


def _show_verdicts(call: Call, released: "Release") -> None:
    from modelver.cli.verdicts import show_verdicts

    verdicts = [*released.registering, *released.moving]
    if verdicts and released.dry_run and not call.as_json:
        with call.screen() as screen:
            show_verdicts(screen, verdicts)


def _tell_github(released: "Release") -> None:
    from modelver.cli.github import write_outputs, write_summary

    write_outputs(
        {
            "version": str(released.version),
            "ref": released.ref,
            "digest": str(released.digest),
            "created": "true" if released.created else "false",
            "passed": "true" if released else "false",
            "previous": released.previous,
            "bump": released.bump,
            "why": released.why,
            "tag": released.tag,
            "alias": str(released.alias or ""),
            "moved": "true" if released.moved else "false",
            "card": str(released.files.get("card", "")),
            "notes": str(released.files.get("notes", "")),
        }
    )
    write_summary(released.summary())

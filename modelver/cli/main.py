"""The command ``modelver``: its verbs, each imported when it is used."""

import difflib
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from keyword import iskeyword
from typing import NoReturn

import click

from modelver import __version__
from modelver.cli import exit_codes
from modelver.cli.completion import complete, complete_folders
from modelver.cli.failures import exit_code_of
from modelver.cli.options import Before
from modelver.cli.storage_options import Options, make_storage_option

VERBS = {
    "init": "Make a registry where there is none, or begin a project.",
    "register": "Register files, or this project, as a version of a model.",
    "finalize": "Make a release of a pre-release.",
    "release": "Release a project: check, register, tag, write, set an alias.",
    "list": "List models, or a model's versions.",
    "search": "Find versions of all models by what is known of them.",
    "show": "Show what is known of a version, now or at a time.",
    "log": "Show what happened to a model, or to one of its aliases.",
    "status": "Show what each alias serves, or what happened to a version.",
    "alias": "List, set or delete aliases.",
    "promote": "Make an alias name a version, if the policy lets it.",
    "approve": "Record that somebody approves of a version.",
    "reject": "Record that somebody rejects a version.",
    "policy": "Show or set what registering and promoting require.",
    "rollback": "Move an alias back to the version it named before.",
    "pin": "Leave an alias where it is until it is unpinned.",
    "unpin": "Let a pinned alias move again.",
    "guard": "Watch what an alias serves, and roll back on a breach.",
    "yank": "Mark a version as not to be used.",
    "notify": "Tell people what they were not told yet.",
    "check": "Check a working tree, or what is at hand, against a version.",
    "compare": "Compare two versions, down to the tensor.",
    "changelog": "Show what each version of a model changed.",
    "notes": "Write release notes from one version to a later one.",
    "card": "Write a version's model card.",
    "bom": "Write a version's bill of materials: a CycloneDX ML-BOM.",
    "audit": "Answer an auditor: what was served, by whom, and does it hold?",
    "load": "Bring a version's files here, verified, and print the folder.",
    "sync": "Lay a version out for a server, and keep that place in step.",
    "verify": "Check a version, or the whole registry, byte by byte.",
    "push": "Bring a version or a model into another registry.",
    "pull": "Bring a version or a model from another registry.",
    "mirror": "Make or renew a copy of the whole registry.",
    "export": "Write a bundle: a version, a model or all, in one file.",
    "import": "Bring in what a bundle holds.",
    "doctor": "Examine a place for a registry: is it safe there, and how fast?",
    "dashboard": "Write a Grafana dashboard of the versions that servers answer with.",
    "cache": "List, prune or verify this machine's cache.",
    "hash": "Print the SHA-256 of files, as sha256sum does.",
}
"""Each verb's module in `modelver.cli.commands`, and its help in one line: the list of verbs imports none of them."""

PROGRAM = "modelver"
_COMPLETE = "_MODELVER_COMPLETE"
SHELLS = ("bash", "zsh", "fish")


class Verbs(click.Group):
    """A group that imports a verb's module when the verb is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        """Return the verbs in the order of the help."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 (as above)
        """Import a verb."""
        if cmd_name not in VERBS:
            return None
        module = f"{cmd_name}_" if iskeyword(cmd_name) else cmd_name
        command: click.Command = import_module(f"modelver.cli.commands.{module}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb that is meant, or suggest one."""
        similar = difflib.get_close_matches(args[0], VERBS, n=1)
        if similar and args[0] not in VERBS and not ctx.resilient_parsing:
            ctx.fail(f"No such command {args[0]!r}. Did you mean {similar[0]!r}?")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 (as above)
        """List the verbs without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 (as above)
        """List the exit codes."""
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(row.code), row.meaning) for row in exit_codes.TABLE])

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,  # noqa: ARG002 (click's signature)
        windows_expand_args: bool = True,  # noqa: ARG002 (as above)
        **extra: object,  # noqa: ARG002 (as above)
    ) -> NoReturn:
        """Run the command and exit, with exit codes of our own."""
        arguments = list(sys.argv[1:] if args is None else args)
        name = prog_name or PROGRAM
        if instruction := os.environ.get(complete_var or _COMPLETE):
            sys.exit(complete(self, PROGRAM, _COMPLETE, instruction))

        def work() -> object:
            with self.make_context(name, list(arguments)) as context:
                return self.invoke(context)

        sys.exit(exit_code_of(work, as_json="--json" in arguments))


def _print_completion(ctx: click.Context, _: click.Parameter, shell: str | None) -> None:
    """Print the script that makes a shell complete the command's words."""
    if shell:
        complete(ctx.command, PROGRAM, _COMPLETE, f"{shell}_source")
        ctx.exit()


@click.command(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--registry",
    metavar="URL",
    shell_complete=complete_folders,
    help="The registry, for any verb; also accepted after the verb.",
)
@click.option(
    "--completion",
    type=click.Choice(SHELLS),
    is_eager=True,
    expose_value=False,
    callback=_print_completion,
    help="Print the script for shell completion.",
)
@click.version_option(__version__, prog_name=PROGRAM, message="%(prog)s %(version)s")
@click.pass_context
def modelver(ctx: click.Context, registry: str | None, storage_options: Options) -> None:
    """Keep versions of AI models, and all that makes them accountable.

    The registry is a folder or a place in a bucket: --registry, else $MODELVER_REGISTRY, else [registry] url
    of the nearest modelver.toml upwards, else ./modelver-registry.

    MODEL is a name such as acme/fraud. REF names a version: acme/fraud:1.3.0, acme/fraud@production,
    acme/fraud@latest or acme/fraud@sha256:DIGEST.
    """
    ctx.obj = Before(registry, storage_options)


modelver.params.insert(1, make_storage_option("after"))

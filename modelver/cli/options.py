"""What all verbs share: their options, the registry that they open, and how they answer."""

import functools
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import click

from modelver.cli import terminal
from modelver.cli.completion import complete_folders, complete_models, complete_refs
from modelver.cli.storage_options import Options, from_environment, make_storage_option, merged

if TYPE_CHECKING:
    from modelver.cli.render import Screen
    from modelver.registry import Registry
    from modelver.values.canonical import Json
    from modelver.values.model_version import ModelVersion

Function: TypeAlias = Callable[..., int | None]


class Before(NamedTuple):
    """What was said before the verb; what is said after it counts more.

    Attributes:
        registry: The registry, if one was named.
        storage_options: How to reach it.
    """

    registry: str | None = None
    storage_options: Options = {}  # noqa: RUF012 (never changed)


class Call:
    """One use of a verb.

    Attributes:
        url: The registry, if the command line names one.
        as_json: Whether the answer is JSON.
    """

    def __init__(self, url: str | None, options: Options, *, as_json: bool) -> None:
        self.url = url
        self._options = options
        self.as_json = as_json

    @functools.cached_property
    def registry(self) -> "Registry":
        """The registry that is meant; opening it is what takes time, so only verbs that need it do."""
        return self._opened(self.storage_options(self.url))

    def _opened(self, options: Options) -> "Registry":
        from modelver.registry import Registry

        show_log()
        return Registry(self.url, storage_options=options)

    def storage_options(self, url: str | None) -> Options:
        """Return how to reach a store; what the environment holds is for remote ones, as others take no options."""
        return merged(from_environment(), self._options) if is_remote(url) else self._options

    def registry_beside(self, other: str) -> "tuple[Registry, Options | None]":
        """Return the registry that is meant, and how to reach another one; options are for what of the two is remote."""
        if not is_remote(other):
            return self.registry, None
        own = self.storage_options(self.url) if is_remote(self.url) else {}
        return self._opened(own), self.storage_options(other)

    def screen(self) -> "Screen":
        """Return what a human answer is written on."""
        from modelver.cli.render import Screen

        return Screen()

    def done(self, version: "ModelVersion", told: str, **more: "Json") -> None:
        """Answer a verb that changed something.

        Args:
            version: The version that the answer names: its reference is all that stdout gets.
            told: What was done, for people: on stderr.
            more: For the JSON answer, beside the version.
        """
        terminal.say(told)
        if self.as_json:
            from modelver.cli.data import version_data

            terminal.write_json({**version_data(version), **more})
        else:
            terminal.write(version.ref)


def is_remote(url: str | None) -> bool:
    """Tell whether a registry is in a store that takes options; None for the one that is meant without an address."""
    from modelver.registry.base.opening import locate, scheme_of_url

    return scheme_of_url(locate(url)) not in {"", "file", "memory"}


def show_log() -> None:
    """Show on stderr what the library's logger tells."""
    import logging

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            terminal.say(record.getMessage())

    logger = logging.getLogger("modelver")
    handler, level = Lines(logging.INFO), logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)

    def restore() -> None:
        if told := sys.modules.get("modelver.notify.background"):  # a commit has people told; see there
            told.background().finish()
        logger.removeHandler(handler)
        logger.setLevel(level)

    click.get_current_context().call_on_close(restore)


def verb(name: str) -> Callable[[Function], click.Command]:
    """Make a function a verb with the options that all share; it gets a `Call` first, and returns an exit code or None."""

    def decorate(function: Function) -> click.Command:
        @functools.wraps(function)
        def run(
            registry: str | None, storage_options: Options, as_json: bool, **arguments: object
        ) -> int | None:
            before = click.get_current_context().obj or Before()
            options = merged(before.storage_options, storage_options)
            return function(Call(registry or before.registry, options, as_json=as_json), **arguments)

        command = click.command(name, context_settings={"help_option_names": ["-h", "--help"]})(run)
        command.params += [
            click.Option(
                ["--registry"],
                metavar="URL",
                shell_complete=complete_folders,
                help="The registry; also accepted before the verb.",
            ),
            make_storage_option("before"),
            click.Option(
                ["--json", "as_json"], is_flag=True, help="Answer in JSON; see docs/cli.md for the keys."
            ),
        ]
        return command

    return decorate


model_argument = click.argument("model", shell_complete=complete_models)
ref_argument = click.argument("ref", shell_complete=complete_refs)
commit_id_option = click.option(
    "--commit-id",
    metavar="ID",
    help="An id of your own: repeating the command with it after a crash does nothing twice.",
)
reason_option = click.option("--reason", default="", metavar="TEXT", help="Why; recorded for ever.")


def pairs(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """Turn ``name=value`` texts into a dict; of several ``=``, the first one counts."""
    return _split(ctx, param, values, str.partition)


def numbers(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> dict[str, float]:
    """Turn ``name=number`` texts into a dict; of several ``=``, the last one counts."""
    found = {}
    for name, value in _split(ctx, param, values, str.rpartition).items():
        try:
            found[name] = float(value)
        except ValueError:
            raise click.BadParameter(f"{name!r} is not a number: {value!r}", ctx, param) from None
    return found


def _split(
    ctx: click.Context,
    param: click.Parameter,
    values: tuple[str, ...],
    cut: Callable[[str, str], tuple[str, str, str]],
) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in values:
        name, sign, value = cut(text, "=")
        if not name or not sign:
            raise click.BadParameter(f"{text!r} is not of the form name=value", ctx, param)
        if name in found:
            raise click.BadParameter(f"{name!r} is given twice", ctx, param)
        found[name] = value
    return found

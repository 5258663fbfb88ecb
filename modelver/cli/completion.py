"""Completion of models, aliases and versions: quick, silent, and never an error."""

import warnings
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from modelver.registry import Registry

_MOST = 100
"""Candidates beyond which a list helps nobody."""


def complete_models(ctx: click.Context, _: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    """Complete a model's name."""
    return _items(ctx, incomplete, lambda registry: map(str, registry.models()))


def complete_aliases(ctx: click.Context, _: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    """Complete an alias of the model that was named before."""
    return _items(ctx, incomplete, lambda registry: map(str, registry.aliases(_model(ctx))))


def complete_versions(ctx: click.Context, _: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    """Complete a version of the model that was named before, the newest first, or an alias of it."""
    return _items(ctx, incomplete, lambda registry: _selectors(registry, _model(ctx)))


def complete_refs(ctx: click.Context, _: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    """Complete a reference: models, or the versions and aliases of the only model that fits."""
    return _items(ctx, incomplete, lambda registry: _refs(registry, incomplete))


def complete_subjects(ctx: click.Context, _: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    """Complete a model's name, or a reference to a version of the only model that fits."""

    def subjects(registry: "Registry") -> dict[str, None]:
        return dict.fromkeys([*map(str, registry.models()), *_refs(registry, incomplete)])

    return _items(ctx, incomplete, subjects)


def complete_folders(_: click.Context, __: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    """Have the shell complete folders."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type="dir")]


def _model(ctx: click.Context) -> str:
    """Return the model that was named before; click leaves it among the rest where an option lacks its value yet."""
    return ctx.params.get("model") or ctx.args[0]


def _refs(registry: "Registry", incomplete: str) -> list[str]:
    model, sign, _ = incomplete.replace("@", ":").partition(":")
    if not sign:
        models = [str(name) for name in registry.models() if name.startswith(model)]
        if len(models) != 1:
            return models
        model = models[0]
    aliases = [f"{model}@{alias}" for alias in (*registry.aliases(model), "latest")]
    return aliases + [f"{model}:{version.version}" for version in reversed(registry.versions(model))]


def _selectors(registry: "Registry", model: str) -> list[str]:
    versions = [str(version.version) for version in reversed(registry.versions(model))]
    return versions + [str(alias) for alias in registry.aliases(model)]


def _items(
    ctx: click.Context, incomplete: str, candidates: "Callable[[Registry], Iterable[str]]"
) -> "list[CompletionItem]":
    """Return the candidates that fit; none where anything goes wrong: a person is in the middle of a line."""
    from click.shell_completion import CompletionItem

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            registry = _local_registry(ctx)
            found = [text for text in candidates(registry) if text.startswith(incomplete)] if registry else []
    except Exception:  # noqa: BLE001 (whatever it is, the next real command will tell it)
        return []
    return [CompletionItem(text) for text in found[:_MOST]]


def _local_registry(ctx: click.Context) -> "Registry | None":
    """Return the registry that is meant, unless asking it could take long."""
    from modelver.registry import Registry

    url = ctx.params.get("registry") or ctx.find_root().params.get("registry")
    registry = Registry(url, create=False)
    return None if "://" in registry.url.removeprefix("file://") else registry


def complete(command: click.Command, program: str, variable: str, instruction: str) -> int:
    """Answer a shell: print its completion script, or the words that fit."""
    from click.shell_completion import add_completion_class, shell_complete

    from modelver.cli.bash import BashComplete

    add_completion_class(BashComplete)
    return shell_complete(command, {}, program, variable, instruction)

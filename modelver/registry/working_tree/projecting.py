"""From a project file to what is stated, and to a registration."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from modelver.content.places import SourceLike, local_place
from modelver.content.snapshots import with_snapshots
from modelver.content.sources import WithFiles
from modelver.errors import NotFound
from modelver.gates.parse import policy_json
from modelver.project.components import Found, find_components
from modelver.project.history import tell
from modelver.project.settings import Project
from modelver.registry.base import inputs
from modelver.registry.base.finding import scheme_of
from modelver.registry.base.progress import Callback
from modelver.registry.base.session import Session
from modelver.registry.governing.policies import set_policy
from modelver.registry.versions.committing import Wish
from modelver.registry.versions.registering import register
from modelver.values.model_version import ModelVersion
from modelver.values.provenance import Provenance, Run
from modelver.values.record import Changelog, Dataset, Metadata, Metric
from modelver.values.scheme import Scheme


@attrs.frozen
class Said:
    """What a caller says beside the project file; it counts more.

    Attributes:
        changelog: What changed; None: as the project tells.
        metrics: Measured figures, in place of the project's of the same name, dataset and slice.
        params: Hyperparameters, in place of the project's of the same name.
        prompts: Prompts that lie elsewhere.
        data: Datasets, in place of the project's of the same name.
        metadata: Other fields of `Metadata`.
        base: Base models, beside the project's.
        tags: Labels, in place of the project's of the same name.
    """

    changelog: str | Changelog | None = None
    metrics: inputs.MetricsLike | None = None
    params: Mapping[str, Any] | None = None
    prompts: Mapping[str, SourceLike] | None = None
    data: inputs.DataLike | None = None
    metadata: Mapping[str, Any] | None = None
    base: inputs.BaseLike | Sequence[inputs.BaseLike] | None = None
    tags: Mapping[str, str] | None = None


def stated(project: Project, said: Said) -> Metadata:
    """Return the metadata that a project states, and what the caller says over it.

    Raises:
        InvalidValue: What the caller says is wrong.
    """
    known = Metadata(
        **project.stated,  # type: ignore[arg-type] # read strictly
        metrics=project.metrics or (),
        params=project.params or {},
        data=datasets(project),
        tags=project.tags or {},
    )
    over = inputs.to_metadata(
        said.metadata or {},
        metrics=said.metrics,
        params=said.params,
        data=said.data,
        tags=said.tags,
        code=None,
    )
    fields = {field: getattr(over, field) for field in said.metadata or {}}
    return attrs.evolve(
        known,
        **fields,
        metrics=inputs.to_metrics(_merged(known.metrics, over.metrics)),
        params={**known.params, **over.params},
        data=_together(known.data, over.data),
        tags={**known.tags, **over.tags},
    )


def _merged(known: Sequence[Metric], over: Sequence[Metric]) -> list[Metric]:
    return list({metric.key: metric for metric in [*known, *over]}.values())


def _together(known: Sequence[Dataset], over: Sequence[Dataset]) -> tuple[Dataset, ...]:
    named = {each.name for each in over}
    return tuple(
        sorted([*(each for each in known if each.name not in named), *over], key=lambda each: each.name)
    )


def datasets(project: Project) -> tuple[Dataset, ...]:
    """Return a project's datasets, local ones with their places from the root of the file system."""
    return tuple(attrs.evolve(each, uri=_place(project.folder, each.uri)) for each in project.data)


def _place(folder: Path, uri: str) -> str:
    place = local_place(uri) if uri else None
    return uri if place is None else os.path.join(folder, place)  # noqa: PTH118 (keeps what is absolute)


def components(session: Session, project: Project) -> Found:
    """Return the files of a project's components; see `find_components`."""
    return find_components(project, session.own_folders)


def register_project(
    session: Session,
    project: Project,
    said: Said,
    wish: Wish,
    *,
    run: Run | None,
    capture: bool,
    callback: Callback | None,
) -> ModelVersion:
    """Register a project's files; see `Registry.register_project`."""
    version = wish.version or project.version
    statement = statement_of(session, project, said, version)
    provenance = captured(session, project, run, wanted=capture)
    _make_model(session, project)
    return register(
        session,
        project.model,
        statement,
        attrs.evolve(wish, version=version or None),
        provenance=provenance,
        move=False,
        callback=callback,
    )


def statement_of(session: Session, project: Project, said: Said, version: str) -> inputs.Statement:
    """Return what a project's version states.

    Args:
        session: The registry.
        project: The project.
        said: What the caller says over it.
        version: The version, where it is known: its section of the changelog counts.

    Raises:
        NotFound: No file fits a component's patterns.
        InvalidValue: What the caller says is wrong.
    """
    found = components(session, project)
    if found.empty:
        raise NotFound(
            "no file fits a component's patterns",
            where=f"{project.file.path}, components.{found.empty[0]}",
            expected=", ".join(project.components[found.empty[0]]),
            hint="Make the files first, or take the component out.",
        )
    metadata = stated(project, said)
    changelog = inputs.to_changelog(said.changelog)
    return inputs.Statement(
        sources=with_snapshots(WithFiles((), found.sources), metadata.data, session.storage_options),
        prompts=inputs.mapping(said.prompts, "prompts"),
        metadata=metadata,
        changelog=changelog if said.changelog is not None else tell(project.story, project.folder, version),
        base=(*inputs.to_base(project.base), *inputs.to_base(said.base)),
    )


def _make_model(session: Session, project: Project) -> None:
    """Make a model with the project's scheme and policy where there is none; never change a policy that was set."""
    before = session.before(project.model)
    tables = policy_json(project.policy)
    scheme = project.scheme or None
    if before.model is None:
        if scheme or tables:
            session.create_model(project.model, scheme)
    elif scheme and scheme_of(before) != Scheme.parse(scheme):
        session.create_model(project.model, scheme)  # which says what is wrong
    if tables and not before.policies:
        reason = f"the first policy, from {project.file.path.name}"
        set_policy(session, project.model, project.policy, reason=reason, commit_id=None)


def captured(session: Session, project: Project, run: Run | None, *, wanted: bool) -> Provenance | None:
    """Return where a project's version comes from: the checkout of its folder, the environment, host and run."""
    if not wanted:
        return Provenance(run=run) if run else None
    from modelver.capture import capture

    found = capture(project.folder, session.cache)
    return attrs.evolve(found, run=run or found.run)

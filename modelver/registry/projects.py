"""The half of the registry that knows working trees: what they claim to be, and what changed in them."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelver.content.places import SourceLike
from modelver.registry.base import inputs
from modelver.registry.base.progress import Callback
from modelver.registry.reader import RegistryReader
from modelver.registry.versions.committing import AutoBump, IfUnchanged, Wish
from modelver.values.model_version import ModelVersion
from modelver.values.name import Alias
from modelver.values.provenance import Run
from modelver.values.record import Changelog

if TYPE_CHECKING:
    from modelver.publish.audiences import Audience
    from modelver.registry.release.released import Release
    from modelver.registry.working_tree.drifting import Drift
    from modelver.registry.working_tree.matching import Match


class RegistryProjects(RegistryReader):
    """What working trees are, and what changed in them; see `modelver.Registry`."""

    def register_project(
        self,
        path: str | os.PathLike[str] = ".",
        *,
        version: str | None = None,
        bump: AutoBump = "auto",
        changelog: str | Changelog | None = None,
        metrics: inputs.MetricsLike | None = None,
        params: Mapping[str, Any] | None = None,
        prompts: Mapping[str, SourceLike] | None = None,
        data: inputs.DataLike | None = None,
        metadata: Mapping[str, Any] | None = None,
        base: inputs.BaseLike | Sequence[inputs.BaseLike] | None = None,
        tags: Mapping[str, str] | None = None,
        run: str | Run | None = None,
        aliases: str | Sequence[str] = (),
        capture: bool = True,
        if_unchanged: IfUnchanged = "return",
        commit_id: str | None = None,
        callback: Callback | None = None,
    ) -> ModelVersion:
        """Register what the nearest ``modelver.toml`` (or ``[tool.modelver]`` of ``pyproject.toml``) names.

        The files of its components are registered under their paths from the project's folder, each with its component's
        role. A model that is new gets the file's scheme, and a model without a policy the file's policy; a policy that was
        set is never changed by this.

        Args:
            path: A folder, whose project file is found upwards, or the file.
            version: An exact version; None: ``[model] version`` of the file, else the last one is raised.
            bump: As for `register`.
            changelog: What changed; None: as the file says, or the section of the version, else that of ``Unreleased``,
                in the changelog that it names.
            metrics: As for `register`; so are `params`, `prompts`, `data`, `metadata`, `base` and `tags`. They count more
                than what the file says of the same name.
            params: Hyperparameters.
            prompts: Prompts that lie elsewhere.
            data: Datasets.
            metadata: Other statements.
            base: Base models.
            tags: Labels.
            run: As for `register`.
            aliases: As for `register`.
            capture: As for `register`; the checkout is that of the project's folder.
            if_unchanged: As for `register`.
            commit_id: As for `register`.
            callback: As for `register`.

        Raises:
            NotFound: There is no project file, or no file fits a component's patterns.
            InvalidValue: The project file is wrong; the message has the path of the fault.
            Refused: The policy says no.
        """
        from modelver.project.settings import read_project
        from modelver.registry.working_tree.projecting import Said, register_project

        inputs.choice(bump, ("auto", "major", "minor", "patch", "prerelease"), "bump")
        inputs.choice(if_unchanged, ("return", "error"), "if_unchanged")
        return register_project(
            self._session,
            read_project(Path(path)),
            Said(changelog, metrics, params, prompts, data, metadata, base, tags),
            Wish(version, bump, inputs.to_aliases(aliases), if_unchanged, commit_id),
            run=inputs.to_run(run),
            capture=capture,
            callback=callback,
        )

    def release_project(
        self,
        path: str | os.PathLike[str] = ".",
        *,
        version: str | None = None,
        bump: AutoBump = "auto",
        changelog: str | Changelog | None = None,
        metrics: inputs.MetricsLike | None = None,
        run: str | Run | None = None,
        alias: str | None = None,
        reason: str = "",
        tag: bool | None = None,
        push_tag: bool = False,
        remote: str = "origin",
        files: bool = True,
        output: str | os.PathLike[str] | None = None,
        audience: "Audience" = "product",
        allow_dirty: bool = False,
        dry_run: bool = False,
        strict: bool = True,
        commit_id: str | None = None,
        callback: Callback | None = None,
    ) -> "Release":
        """Release a project in one step: check, bump, register, tag git, write card and notes, set an alias.

        Everything that can be asked is asked before anything is changed. What was done already is not done twice, so after a
        crash, or once an approval is there, the same call completes the release. An alias is set once: where somebody
        moved it on since, or a later release has it, it is left.

        Args:
            path: A folder, whose project file is found upwards, or the file.
            version: As for `register_project`; so are `bump`, `changelog`, `metrics` and `run`.
            bump: How to raise the last release.
            changelog: What changed.
            metrics: Measured figures.
            run: The run of a CI system.
            alias: Set to the version at the end, as `promote` does.
            reason: Why, as the alias' history records it.
            tag: Make an annotated git tag, such as ``acme/fraud@v1.4.0``; None: where there is a checkout.
            push_tag: Push that tag, and nothing else.
            remote: Where to.
            files: Write the model card and the release notes: ``card.md`` and ``notes.md``.
            output: Where they go; else the folder ``release`` of the project.
            audience: For whom the notes are; see `release_notes`.
            allow_dirty: Release although tracked files differ from the commit.
            dry_run: Change nothing, and tell what would be done.
            strict: Raise what is in the way; else the answer is false, and has it as ``.error``.
            commit_id: The id of the registration; else one that the same content from the same commit has again.
            callback: As for `register`.

        Returns:
            What became of each step; a dry run's is false where something is in the way.

        Raises:
            Refused: The gates, the working tree, a pin or tracked files that differ say no. `ApprovalRequired`: all is
                released, but for the alias.
            AlreadyExists: The version has other content, or its tag says something else.
            NotFound: There is no project file, no file for a component, or no checkout to tag.
            InvalidValue: The project file or an argument is wrong.
            StoreError: Git, a remote, a disk or the registry's store failed.
        """
        from modelver.project.settings import read_project
        from modelver.registry.release import handing_out, releasing
        from modelver.registry.release.checkouts import Tagging
        from modelver.registry.release.readiness import Order
        from modelver.registry.working_tree.projecting import Said

        inputs.choice(bump, ("auto", "major", "minor", "patch", "prerelease"), "bump")
        project = read_project(Path(path))
        folder = Path(output).absolute() if output is not None else project.folder / handing_out.FOLDER
        released = releasing.release(
            self._session,
            project,
            Said(changelog=changelog, metrics=metrics),
            Wish(version, bump, commit_id=commit_id),
            Order(
                alias=Alias(alias) if alias is not None else None,
                reason=reason,
                tagging=Tagging(tag, push_tag, remote),
                output=folder if files else None,
                audience=audience,
                allow_dirty=allow_dirty,
                dry_run=dry_run,
            ),
            run=inputs.to_run(run),
            callback=callback,
        )
        if strict and not dry_run:
            released.raise_if_failed()
        return released

    def check_project(
        self,
        path: str | os.PathLike[str] = ".",
        *,
        against: str | None = None,
        environment: bool = False,
    ) -> "Drift":
        """Compare a working tree with the version that it claims to be; nothing is stored, nothing unchanged is hashed.

        It claims to be ``[model] version`` of its project file, else the latest release. Where that version does not exist
        yet, the changes since the latest release must not call for a higher one.

        Args:
            path: A folder, whose project file is found upwards, or the file.
            against: The version to compare with: a number, an alias, or a reference.
            environment: Whether another environment than the recorded one is wrong, and not only worth a note.

        Returns:
            A report that is false where something changed and the version didn't. ``.findings`` says what changed in
            weights, prompts, config, data, code and metadata; ``.bump`` and ``.next`` what that calls for; ``.notes`` has
            other commits and environments.

        Raises:
            NotFound: There is no project file, no such model, or no version to compare with.
            InvalidValue: The project file is wrong; the message has the path of the fault.
        """
        from modelver.project.settings import read_project
        from modelver.registry.working_tree.drifting import check_project

        return check_project(
            self._session, read_project(Path(path)), against=against, environment=environment
        )

    def check(
        self,
        ref: str | ModelVersion,
        *,
        prompts: Mapping[str, SourceLike] | None = None,
        data: inputs.DataLike | None = None,
        environment: bool = False,
    ) -> "Match":
        """Tell whether what is at hand is what a version was made and evaluated with, at deployment or at run time.

        Args:
            ref: The version.
            prompts: Prompt name to the file that is in use, or its text as bytes.
            data: Dataset name to a path or an address, which is digested as the version's was; or to a digest, as
                ``sha256:`` and 64 hexadecimal digits; or a list of `Dataset`.
            environment: Whether to compare Python and packages of this process with the recorded ones. Another platform,
                and packages that were not there, are only worth a note.

        Returns:
            A report that is true where all is the same. Its ``.requirements()`` would make this environment the recorded
            one.

        Raises:
            NotFound: There is no such version, or a prompt or dataset that was given is missing.
            InvalidValue: There is nothing to check.
        """
        from modelver.registry.working_tree.matching import check_version, to_wanted

        wanted = to_wanted(prompts, data, environment=environment)
        return check_version(self._session, self.resolve(ref), wanted)

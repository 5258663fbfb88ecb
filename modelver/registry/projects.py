"""The half of the registry that knows working trees: what they claim to be, and what changed in them."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelver.content.places import SourceLike
from modelver.registry import inputs
from modelver.registry.committing import AutoBump, IfUnchanged, Wish
from modelver.registry.progress import Callback
from modelver.registry.reader import RegistryReader
from modelver.values.model_version import ModelVersion
from modelver.values.provenance import Run
from modelver.values.record import Changelog

if TYPE_CHECKING:
    from modelver.registry.drifting import Drift
    from modelver.registry.matching import Match


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
        from modelver.registry.projecting import Said, register_project

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
        from modelver.registry.drifting import check_project

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
        from modelver.registry.matching import check_version, to_wanted

        wanted = to_wanted(prompts, data, environment=environment)
        return check_version(self._session, self.resolve(ref), wanted)

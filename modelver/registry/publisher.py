"""The half of the registry that writes for people: changelogs, release notes, cards and audits."""

import os
from datetime import datetime
from typing import TYPE_CHECKING

from modelver.registry.reader import RegistryReader
from modelver.values.model_version import ModelVersion
from modelver.values.name import ModelName

if TYPE_CHECKING:
    from modelver.publish.audiences import Audience
    from modelver.publish.audit import Audit
    from modelver.publish.card import Card
    from modelver.publish.changelog import ModelChangelog
    from modelver.publish.notes import Notes


class RegistryPublisher(RegistryReader):
    """See `modelver.Registry`. What writes is imported by whoever asks for it."""

    def changelog(self, model: str) -> "ModelChangelog":
        """Return what each version of a model changed, the highest version first, as Keep a Changelog has it.

        Returns:
            ``str()`` is Markdown; ``.html()`` is a page; ``.to_dict()`` is data.

        Raises:
            NotFound: There is no such model, or a manifest is missing.
        """
        from modelver.registry.documents import publishing

        return publishing.changelog(self._session, ModelName(model))

    def release_notes(
        self,
        a: str | ModelVersion,
        b: str | ModelVersion,
        audience: "Audience" = "product",
        *,
        templates: str | os.PathLike[str] | None = None,
    ) -> "Notes":
        """Write release notes from one version of a model to a later one.

        They say what the changelogs between them say, how metrics changed by slice and which way is better, what changed
        inside, new limitations, licences, data, approvals (signed or only claimed), whether it is external-facing, and
        how to roll back: to each audience what it needs (docs/how-to/release-notes.md has the table).

        Args:
            a: The earlier version.
            b: The later version, by precedence.
            audience: ``product``, ``legal``, ``comms``, ``support`` or ``engineering``.
            templates: A folder of your own templates; else ``[publish] templates`` of the nearest ``modelver.toml``
                upwards, else ours.

        Returns:
            ``str()`` is Markdown; ``.html()`` is a page; ``.to_dict()`` is data.

        Raises:
            NotFound: There is no such version, or no such folder.
            InvalidValue: The versions are of two models, or in the wrong order; the extra ``publish`` is not installed;
                or a template fails.
        """
        from modelver.registry.documents import noting

        return noting.release_notes(self._session, a, b, audience, templates)

    def card(self, ref: str | ModelVersion) -> "Card":
        """Write a version's model card.

        It has the sections of Mitchell et al., "Model Cards for Model Reporting" (2019), the latest figures with plots by
        slice and by version, files, approvals (signed or only claimed), and where the version comes from.

        Args:
            ref: Such as ``acme/fraud@production``.

        Returns:
            ``.markdown()`` has the front matter of the Hugging Face Hub; ``.html()`` is a page; ``.to_dict()`` is JSON data
            after Google's Model Card Toolkit; ``.cyclonedx()`` is a CycloneDX ML-BOM, which needs the extra ``bom``; ``.plots``
            are the plots.

        Raises:
            InvalidName: The text is no reference.
            NotFound: It names nothing, or a blob is missing.
        """
        from modelver.registry.documents import carding

        return carding.card(self._session, ref)

    def audit(self, model: str, *, alias: str | None = None, at: datetime | str | None = None) -> "Audit":
        """Answer an auditor on one page: what was served when, who put it there, on whose approvals, and does it hold?

        The log is replayed from its first commit, the gates are asked again for every step, every byte of what was served
        is hashed, and signatures are checked.

        Args:
            model: The model.
            alias: Such as ``production``; None for all that the model had.
            at: A time, or ISO 8601 text, in UTC without a zone; None for now.

        Returns:
            It is true where everything that was checked holds. ``str()`` is Markdown; ``.html()`` is a page;
            ``.to_dict()`` is data.

        Raises:
            NotFound: There is no such model, or it never had such an alias.
            InvalidValue: `at` is no time.
            Corrupt: Not even the log's first commit can be read.
        """
        from modelver.registry.documents import auditing

        return auditing.audit(self._session, ModelName(model), alias, at)

"""The files that a release hands out: the model card, and the notes since the release before."""

import os
import secrets
import tempfile
from collections.abc import Mapping
from pathlib import Path

from modelver.errors import Refused, StoreError
from modelver.publish.audiences import Audience
from modelver.publish.markdown import bullets, escape, paragraphs
from modelver.registry.base.session import Session
from modelver.registry.documents.carding import card
from modelver.registry.documents.noting import release_notes
from modelver.registry.documents.publishing import templates_folder
from modelver.registry.release.planning import Plan
from modelver.values.model_version import ModelVersion

NAMES = {"card": "card.md", "notes": "notes.md"}
FOLDER = "release"
"""Where they go, from the project's folder, unless somebody says otherwise."""


def places(folder: Path) -> dict[str, Path]:
    """Return where each file goes."""
    return {kind: folder / name for kind, name in NAMES.items()}


def check_inside(project: Path) -> None:
    """Refuse a project whose own folder for these files leads out of it: nobody named the place that it leads to.

    Raises:
        Refused: A link leads out.
    """
    folder = project / FOLDER
    place = Path(os.path.realpath(folder))  # pathlib's raises where links go round in a circle
    if not place.is_relative_to(os.path.realpath(project)):
        raise Refused(
            "the output folder leads out of the project",
            where=folder,
            found=place,
            hint="Remove the link, or name a folder: output (--output).",
        )


def make_folder(folder: Path) -> None:
    """Make the folder, and see that it can be written to, before anything else is done.

    Raises:
        StoreError: It can't.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise StoreError(
            "the output folder can't be written to", where=folder, found=error.strerror
        ) from None


def texts(
    session: Session,
    version: ModelVersion,
    plan: Plan,
    audience: Audience,
    project: Path,
) -> dict[str, str]:
    """Return what the files say."""
    if plan.previous is None:
        notes = _alone(version, "The first release." if plan.first else "Lower than every release before it.")
    else:
        a = f"{version.name}:{plan.previous.version}"
        notes = str(release_notes(session, a, version, audience, templates_folder(None, project)))
    return {"card": card(session, version).markdown(plots="none"), "notes": notes}


def _alone(version: ModelVersion, why: str) -> str:
    """Return the notes of a release that has nothing to compare with, and why it has not."""
    said = version.changelog
    parts = [f"# {escape(version.name)} {escape(version.version)}", why]
    parts += [paragraphs(said.summary)] if said.summary else []
    for title, lines in said.sections.items():
        parts += [f"## {escape(title)}", bullets(lines)]
    return "\n\n".join(parts) + "\n"


def write(folder: Path, files: Mapping[str, str]) -> dict[str, Path]:
    """Write the files, each whole or not at all; return their places.

    Raises:
        StoreError: One can't be written.
    """
    make_folder(folder)
    found = places(folder)
    for kind, text in files.items():
        _write(found[kind], text)
    return {kind: found[kind] for kind in files}


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(16)}.tmp")
    try:
        # A new file: it is no link, and its mode is by umask.
        with temporary.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
        temporary.replace(path)
    except OSError as error:
        raise StoreError("the file can't be written", where=path, found=error.strerror) from None
    finally:
        temporary.unlink(missing_ok=True)

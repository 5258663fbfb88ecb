"""What the files of a version tell of themselves: its architecture, its prompts' variables."""

from collections.abc import Mapping

from modelver.content.blobs import get_blob
from modelver.errors import InvalidValue, NotFound
from modelver.formats.architecture import derive_architecture
from modelver.registry.base.session import Session
from modelver.values.canonical import Json, decode_object
from modelver.values.digest import Digest
from modelver.values.file import FileEntry, Role, prompt_name
from modelver.values.filemap import FileMap
from modelver.values.making import Architecture, Prompt, PromptFile
from modelver.values.manifest import Manifest
from modelver.values.prompt import prompt_variables

_CONFIG = "config.json"
_MAX_CONFIG = 2**20


def told_architecture(session: Session, manifest: Manifest, maps: Mapping[str, FileMap]) -> Architecture:
    """Return a version's architecture: what is stated, else what its weights and its ``config.json`` tell."""
    derived = derive_architecture(maps, _config(session, manifest))
    stated = manifest.metadata.architecture
    return stated.over(derived) if stated else derived


def _config(session: Session, manifest: Manifest) -> Mapping[str, Json] | None:
    """Return what is in the ``config.json`` that lies highest, if it is one that can be read."""
    found = [
        entry
        for entry in manifest.files
        if entry.path.rpartition("/")[2] == _CONFIG and entry.size <= _MAX_CONFIG
    ]
    if not found:
        return None
    entry = min(found, key=lambda each: (each.path.count("/"), each.path))
    try:
        data = get_blob(session.store, Digest.from_hex(entry.sha256), limit=_MAX_CONFIG)
        return decode_object(data, what=entry.path)
    except (InvalidValue, NotFound):
        return None


def told_prompts(manifest: Manifest, texts: Mapping[str, str]) -> tuple[PromptFile, ...]:
    """Return a version's prompts, sorted by name and path.

    Args:
        manifest: The version's.
        texts: The prompts' texts by path, as far as they are of a sensible size.
    """
    stated = {prompt.name: prompt for prompt in manifest.metadata.prompts}
    found = [_prompt(entry, stated, texts) for entry in manifest.files if entry.role is Role.PROMPT]
    return tuple(sorted(found, key=lambda each: (each.name, each.path)))


def _prompt(entry: FileEntry, stated: Mapping[str, Prompt], texts: Mapping[str, str]) -> PromptFile:
    name = prompt_name(entry.path)
    own = stated.get(name, Prompt(name))
    text = texts.get(entry.path)
    variables = None if text is None else prompt_variables(text)
    return PromptFile(name, entry.path, entry.sha256, variables, own.version, own.description)

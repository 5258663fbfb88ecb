"""The files of a project's components."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs

from modelver.content.sources import Source
from modelver.errors import InvalidValue, NotFound, UnsafePath
from modelver.project.globs import matching
from modelver.project.settings import ROLES, Project
from modelver.values.file import Role, prompt_name
from modelver.values.path import check_together, version_path


@attrs.frozen
class Found:
    """What a project's patterns name.

    Attributes:
        sources: The files, by their paths from the project's folder, sorted.
        empty: The components that name no file.
    """

    sources: tuple[Source, ...]
    empty: tuple[str, ...] = ()


def find_components(project: Project, without: Sequence[Path] = ()) -> Found:
    """Return the files of a project's components, and the lock file of its environment.

    Args:
        project: The project.
        without: Folders to leave out, links resolved: the registry and the cache.

    Raises:
        InvalidValue: A file is in two components.
        UnsafePath: A link leads out of the project, or a path can't exist on every platform.
        NotFound: The lock file is missing.
    """
    root = project.folder.resolve()
    roles: dict[str, str] = {}
    empty = []
    for component, patterns in project.components.items():
        paths = [path for path in matching(root, patterns, without) if root / path not in project.without]
        for path in paths:
            other = roles.setdefault(path, component)
            if other != component:
                raise InvalidValue(
                    "a file is in two components",
                    where=path,
                    found=f"{other} and {component}",
                    hint=f'Take it away from one of them by "!{path}".',
                )
        if not paths:
            empty.append(component)
    sources = [_source(root, path, ROLES[component]) for path, component in roles.items()]
    if project.lock and project.lock not in roles:
        sources.append(_lock(root, project.lock))
    check_together(source.path for source in sources)
    return Found(tuple(sorted(sources, key=lambda source: source.path)), tuple(empty))


def _source(root: Path, path: str, role: Role) -> Source:
    place = Path(os.path.realpath(root / path))
    if not place.is_relative_to(root):
        raise UnsafePath("a link leads out of the project", where=root / path, found=place)
    if not place.is_file():
        raise InvalidValue("neither a file nor a link to one", where=root / path)
    return Source(version_path(path), place, role)


def _lock(root: Path, path: str) -> Source:
    if not (root / path).is_file():
        raise NotFound("the lock file is missing", where=root / path)
    return _source(root, path, Role.OTHER)


def prompt_paths(sources: Sequence[Source]) -> Mapping[str, str]:
    """Return the path of each prompt, by its name."""
    return {prompt_name(source.path): source.path for source in sources if source.role is Role.PROMPT}

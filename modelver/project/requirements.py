"""The recorded environment as requirements that pip reads (pip's documentation, "Requirements File Format")."""

import re

from modelver.values.provenance import Environment

# PEP 508 and PEP 440, as far as names and versions go: a recorded text must not become an option or a second line.
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_VERSION = re.compile(r"[0-9][0-9A-Za-z.!_-]*(?:\+[0-9A-Za-z.]+)?")


def requirements(environment: Environment, subject: str) -> str:
    """Return the requirements that make an environment what was recorded, sorted, each pinned.

    Args:
        environment: The recorded one.
        subject: Whose it is, for the comment at the top.
    """
    lines = [f"# {_plain(subject)}: {_plain(environment.implementation)} {_plain(environment.python)}"]
    strange = 0
    for name, version in sorted(environment.packages.items()):
        if _NAME.fullmatch(name) and _VERSION.fullmatch(version):
            lines.append(f"{name}=={version}")
        else:
            strange += 1
    if strange:
        lines.append(f"# left out, since they are no names and versions: {strange}")
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    return "".join(sign if sign.isprintable() else "?" for sign in text)[:200]

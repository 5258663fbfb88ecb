"""Who is to be told of what: ``[[notify]]`` tables, read strictly."""

import hashlib
import re
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

import attrs

from modelver.errors import InvalidValue
from modelver.gates.reading import Reader
from modelver.notify.happening import KINDS, Happening, Kind

MAX_TARGETS = 50
DEFAULT_KINDS: tuple[Kind, ...] = ("promote", "rollback", "yank", "reject")
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

_KEYS = (
    "url",
    "name",
    "secret_env",
    "events",
    "models",
    "aliases",
    "audience",
    "registry",
    "at_once",
    "plain_http",
)
_URL = re.compile(r"[!-~]{1,2000}")
_VARIABLE = re.compile("[A-Za-z_][A-Za-z0-9_]{0,199}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}")


@attrs.frozen
class Target:
    """One recipient.

    Attributes:
        url: Where to post to; it may hold a password, so it is never shown.
        secret_env: The environment variable with the secret that signs.
        name: What messages call it, and what its place in the logs is kept under; else its URL stands for it.
        events: Of what it is told.
        models: Patterns of model names.
        aliases: Patterns of aliases; what concerns no alias passes.
        audience: For whom release notes are written.
        registry: The registry that it is told of; empty for any.
        at_once: Whether the process that commits tells it; else it is left to ``modelver notify``.
        plain_http: Whether ``http://`` may lead to another machine.
    """

    url: str = attrs.field(repr=False)
    secret_env: str
    name: str = ""
    events: tuple[Kind, ...] = DEFAULT_KINDS
    models: tuple[str, ...] = ("*",)
    aliases: tuple[str, ...] = ("*",)
    audience: str = "product"
    registry: str = ""
    at_once: bool = True
    plain_http: bool = False

    @property
    def key(self) -> str:
        """What its place in the logs is kept under, and what the ids of its events are made of: 32 hex digits."""
        return hashlib.sha256((self.name or self.url).encode()).hexdigest()[:32]

    @property
    def label(self) -> str:
        """How messages call it: its name, else scheme and host, since a path may be secret too."""
        parts = urlsplit(self.url)
        return self.name or f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"

    def follows(self, model: str) -> bool:
        """Tell whether it is told of a model."""
        return any(fnmatchcase(model.lower(), pattern.lower()) for pattern in self.models)

    def wants(self, happening: Happening) -> bool:
        """Tell whether it is told of this."""
        return (
            happening.kind in self.events
            and self.follows(happening.model)
            and (not happening.alias or any(fnmatchcase(happening.alias, each) for each in self.aliases))
        )


def read_targets(tables: object, where: str, audiences: tuple[str, ...]) -> tuple[Target, ...]:
    """Read ``[[notify]]`` tables.

    Args:
        tables: What TOML has under ``notify``.
        where: The file's path, for messages.
        audiences: Those that release notes know.

    Raises:
        InvalidValue: They break the grammar; the message has the path of the fault and never an address.
    """
    if not isinstance(tables, list) or len(tables) > MAX_TARGETS:
        raise InvalidValue(
            "of the wrong kind",
            where=f"{where}.notify",
            expected=f"at most {MAX_TARGETS} tables, each below [[notify]]",
        )
    found = tuple(_read(Reader(each, f"{where}.notify[{i}]"), audiences) for i, each in enumerate(tables))
    return distinct(found)


def distinct(targets: tuple[Target, ...]) -> tuple[Target, ...]:
    """Refuse two recipients that can't be told apart.

    Raises:
        InvalidValue: There are such.
    """
    seen: set[str] = set()
    for target in targets:
        if target.key in seen:
            raise InvalidValue(
                "two recipients can't be told apart",
                where=f"notify, {target.label}",
                hint="Give each table a name of its own.",
            )
        seen.add(target.key)
    return targets


def _read(table: Reader, audiences: tuple[str, ...]) -> Target:
    if table.has("secret"):
        raise InvalidValue(
            "a secret has no place in a file",
            where=table.at("secret"),
            hint='Put it into an environment variable, and say secret_env = "ITS_NAME".',
        )
    table.known(_KEYS)
    plain = table.flag("plain_http", default=False)
    audience = table.chosen("audience", audiences)
    if len(audience) > 1:
        raise table.fault("audience", "one text; a table for each", f"{len(audience)} texts")
    kinds: dict[str, Kind] = {str(kind): kind for kind in KINDS}
    return Target(
        url=_url(table, plain=plain),
        secret_env=_matching(table, "secret_env", _VARIABLE, "the name of an environment variable"),
        name=_matching(table, "name", _NAME, "a short name") if table.has("name") else "",
        events=tuple(kinds[each] for each in table.chosen("events", KINDS)) or DEFAULT_KINDS,
        models=table.texts("models") or ("*",),
        aliases=table.texts("aliases") or ("*",),
        audience=audience[0] if audience else "product",
        registry=table.text("registry"),
        at_once=table.flag("at_once", default=True),
        plain_http=plain,
    )


def _matching(table: Reader, key: str, pattern: re.Pattern[str], expected: str) -> str:
    text = table.text(key)
    if not pattern.fullmatch(text):
        raise table.fault(key, expected, "nothing" if not text else "another text")
    return text


def _url(table: Reader, *, plain: bool) -> str:
    """Return the address; what is wrong is told without it, as it may hold a password."""
    text = _matching(table, "url", _URL, "an address such as https://hooks.example.org/modelver")
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise table.fault("url", "a host and a port", "something else") from None
    if parts.scheme not in {"https", "http"} or not host or parts.fragment:
        raise table.fault("url", "https://, a host and a path", "something else")
    if parts.scheme == "http" and host not in LOOPBACK and not plain:
        raise InvalidValue(
            "http:// shows everybody on the way what is told",
            where=table.at("url"),
            hint="Use https://, or say plain_http = true.",
        )
    return text

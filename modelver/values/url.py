"""Addresses that may be written down and shown: without the secrets that people put into them."""

import re
from urllib.parse import urlsplit

_TRANSPORT = re.compile(r"([A-Za-z0-9+.-]+)::(.*)", re.DOTALL)
_LOCAL = re.compile(r"[A-Za-z]:[\\/]|[./\\~]|[^:]*$", re.DOTALL)
_LOGIN_IS_ADDRESS = frozenset({"ssh", "git+ssh", "ssh+git"})


def without_credentials(url: str) -> str:
    """Return an address without passwords, tokens, query string and fragment.

    A web address loses its user name too, which may be a token; ``ssh://git@host/path`` and ``git@host:path`` keep
    theirs, which is part of the address. The forms are those of git-fetch(1), section "GIT URLS".

    Args:
        url: A URL, an scp-like address, or a path.

    Returns:
        The address, or an empty string where it can't be told what of it is secret.
    """
    if transport := _TRANSPORT.fullmatch(url):
        # `ext::sh -c ...` is a command line, in which anything may be secret.
        rest = _url(transport[2]) if "://" in transport[2] else ""
        return f"{transport[1]}::{rest}" if rest else ""
    if "://" in url:
        return _url(url)
    if _LOCAL.match(url):
        return url
    login, _, place = url.rpartition("@")
    return without_credentials(place) if ":" in login else url.partition("?")[0]


def _url(url: str) -> str:
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises where a password with a slash in it was taken for a port
    except ValueError:
        return ""
    login, _, host = parts.netloc.rpartition("@")
    if not parts.scheme or "@" in parts.path + parts.query + parts.fragment:
        return ""
    user = login.partition(":")[0]
    kept = f"{user}@" if user and parts.scheme in _LOGIN_IS_ADDRESS else ""
    return f"{parts.scheme}://{kept}{host}{parts.path}"

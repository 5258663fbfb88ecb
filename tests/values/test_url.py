"""Addresses lose their secrets, and nothing that is needed to find the place."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelver.values.url import without_credentials


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/acme/fraud.git",
        "https://git.example:8443/acme/fraud",
        "https://[::1]:8443/acme",
        "ssh://git@github.com/acme/fraud.git",
        "ssh://git@git.example:2222/~ann/fraud",
        "git@github.com:acme/fraud.git",
        "github.com:acme/fraud.git",
        "git://git.example/fraud.git",
        "file:///srv/git/fraud.git",
        "/srv/git/fraud.git",
        "../fraud.git",
        "./host:path",
        "~/git/fraud",
        "folder",
        "C:\\git\\fraud",
        "C:/git/fraud",
        "gcrypt::https://git.example/fraud",
        "",
    ],
)
def test_an_address_without_secrets_is_kept(url: str) -> None:
    """Every form that git knows is recorded as it is."""
    assert without_credentials(url) == url


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://ann:t0ken@github.com/acme/fraud.git", "https://github.com/acme/fraud.git"),
        ("https://t0ken@github.com/acme/fraud.git", "https://github.com/acme/fraud.git"),
        ("HTTPS://ann:t0ken@github.com/acme", "https://github.com/acme"),
        ("https://ann:p@t0ken@github.com/acme", "https://github.com/acme"),
        ("https://git.example/fraud?private_token=t0ken", "https://git.example/fraud"),
        ("https://git.example/fraud#t0ken", "https://git.example/fraud"),
        ("ssh://git:t0ken@git.example/fraud", "ssh://git@git.example/fraud"),
        ("ftp://ann:t0ken@git.example/fraud", "ftp://git.example/fraud"),
        ("s3://key:t0ken@bucket/fraud", "s3://bucket/fraud"),
        ("ann:t0ken@git.example/fraud", "git.example/fraud"),
        ("https:/ann:t0ken@git.example/fraud", "git.example/fraud"),
        ("git@git.example:fraud?token=t0ken", "git@git.example:fraud"),
        ("gcrypt::https://ann:t0ken@git.example/fraud", "gcrypt::https://git.example/fraud"),
        ("ext::sh -c 'git --token t0ken'", ""),
        ("ext::curl https://t0ken@git.example:x/", ""),
        ("https://ann:t0/ken@git.example/fraud", ""),
        ("https://ann:1/t0ken@git.example/fraud", ""),
        ("https://ann:1?t0ken@git.example/fraud", ""),
        ("https://[ann:t0ken@git.example/fraud", ""),
    ],
)
def test_secrets_are_left_out(url: str, expected: str) -> None:
    """Passwords, tokens, queries and fragments go; where they can't be told apart, all goes."""
    assert without_credentials(url) == expected
    assert "t0ken" not in without_credentials(url)


@given(
    scheme=st.sampled_from(["http", "https", "ftp", "git", "s3", "custom"]),
    secret=st.text(min_size=1, max_size=20).map(lambda text: f"SECRET{text}SECRET"),
    quoted=st.booleans(),
    form=st.sampled_from(["{s}@", "ann:{s}@", "{s}:x-oauth@", "ann:{s}:{s}@"]),
)
def test_no_user_or_password_survives(scheme: str, secret: str, quoted: bool, form: str) -> None:
    """Whatever characters a secret is made of, quoted as it should be or not, none of it is left."""
    login = form.format(s=quote(secret, safe="") if quoted else secret)
    assert "SECRET" not in without_credentials(f"{scheme}://{login}git.example/acme")


@given(url=st.text(max_size=60))
def test_a_second_time_changes_nothing(url: str) -> None:
    """What is without secrets stays as it is."""
    once = without_credentials(url)
    assert without_credentials(once) == once

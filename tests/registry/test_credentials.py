"""Credentials reach the store, and nothing else: no log, error, commit, cache or repr."""

import logging
import pickle
import traceback
from pathlib import Path

import pytest

import modelver as mv
from tests.registries import publish
from tests.servers.s3 import SECRET
from tests.servers.seaweedfs import SeaweedFS

WRONG = "a-wrong-secret-of-forty-characters-length"


def test_a_registry_of_a_bucket_shows_no_credentials(
    seaweedfs: SeaweedFS, private_cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What is stored, kept in the cache, logged and shown of a registry has neither key nor secret."""
    caplog.set_level(logging.DEBUG, logger="modelver")
    url, options = seaweedfs.fresh()
    registry = mv.Registry(url, storage_options=options, create=True)
    version = publish(registry, aliases=["production"], capture=True)
    registry.load("acme/fraud@production")
    shown = [repr(registry), registry._repr_html_(), repr(version), repr(vars(registry._session.store))]
    shown += [str(registry.verify()), caplog.text]
    stored = [*seaweedfs.behind(url).values()]
    stored += [path.read_bytes() for path in private_cache.rglob("*") if path.is_file()]
    assert not any(SECRET in text for text in shown)
    assert not any(SECRET.encode() in data for data in stored)


def test_an_error_shows_no_credentials(seaweedfs: SeaweedFS) -> None:
    """A refused key is told with what to do, and repeats no secret, in its text, its traceback or its pickle."""
    url, options = seaweedfs.fresh()
    for settings in (
        {**options, "secret": WRONG},
        {**options, "key": WRONG},
        {**options, "endpoint_url": f"http://user:{WRONG}@127.0.0.1:9"},
    ):
        registry = mv.Registry(url, storage_options=settings, timeout=3)
        with pytest.raises(mv.StoreError) as caught:
            registry.models()
        told = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
        assert WRONG not in told
        assert WRONG.encode() not in pickle.dumps(caught.value)
    registry = mv.Registry(url, storage_options={**options, "secret": WRONG})
    for ask in (registry.models, registry.verify):  # a refusal is no damage
        with pytest.raises(mv.StoreError, match="credentials"):
            ask()

"""Pickles that were allowed: loaded by the real libraries, and watched."""

import os
import pickle
import traceback
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import ParamSpec

import joblib
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import modelver as mv
from modelver.serving import loaders
from tests.serving.conftest import FEATURES

P = ParamSpec("P")


def in_a_fork(test: Callable[P, None]) -> Callable[P, None]:
    """Run a test in a child: the audit hook that it brings must not stay.

    Before Python 3.12 `sys.settrace`, which coverage calls in each new thread, may fail where such a hook is.
    """

    @wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        child = os.fork()
        if child == 0:
            status = 1
            try:
                test(*args, **kwargs)
                status = 0
            except BaseException:  # noqa: BLE001 (told here, as pytest can't)
                traceback.print_exc()
            finally:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

    return run


def test_pickles_ask_for_a_word_before_anything_is_fetched() -> None:
    """The default is no, and says what to use instead."""
    with pytest.raises(mv.UnsafeFormat, match=r"can run any code.*allow_unsafe=True"):
        loaders.pickled()


def joblib_bytes(tmp_path: Path, model: object, **arguments: object) -> bytes:
    """Return what joblib writes."""
    joblib.dump(model, tmp_path / "model", **arguments)
    return (tmp_path / "model").read_bytes()


@in_a_fork
def test_a_pickle_that_was_allowed_is_scanned_and_loaded(
    loaded: Callable[..., mv.LoadedModel],
    classifier: LogisticRegression,
    tmp_path: Path,
) -> None:
    """A scikit-learn model as joblib writes it."""
    files = loaded(model_dot_joblib=joblib_bytes(tmp_path, classifier))
    model = loaders.pickled(allow_unsafe=True)(files)
    assert isinstance(model, LogisticRegression)
    assert model.predict(FEATURES).tolist() == [0, 0, 1, 1]


class Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (self.command,)


@pytest.mark.parametrize("protocol", range(6))
@in_a_fork
def test_a_dangerous_pickle_is_refused_whatever_is_allowed(
    loaded: Callable[..., mv.LoadedModel], tmp_path: Path, protocol: int
) -> None:
    """Nothing of it runs."""
    mark = tmp_path / "ran"
    files = loaded(model_dot_pkl=pickle.dumps({"w": Bomb(f"touch {mark}")}, protocol))
    with pytest.raises(mv.UnsafeFormat, match=r"known to be dangerous.*system"):
        loaders.pickled(allow_unsafe=True)(files)
    assert not mark.exists()


@pytest.mark.parametrize("data", [b"", b"\x80\x04", b"no pickle at all", b"\x80\x04garbage\xff\xfe"])
@in_a_fork
def test_what_is_no_pickle_is_told(loaded: Callable[..., mv.LoadedModel], data: bytes) -> None:
    """Damaged and empty files too."""
    with pytest.raises(mv.InvalidValue, match=r"can't be unpickled: .*model\.pkl"):
        loaders.pickled(allow_unsafe=True)(loaded(model_dot_pkl=data))


@in_a_fork
def test_a_bomb_behind_an_array_is_found(loaded: Callable[..., mv.LoadedModel], tmp_path: Path) -> None:
    """Behind an array's raw bytes, where a scanner of pickles alone loses the thread."""
    mark = tmp_path / "ran"
    data = joblib_bytes(tmp_path, [np.arange(1000.0), Bomb(f"touch {mark}")])
    with pytest.raises(mv.UnsafeFormat, match="system"):
        loaders.pickled(allow_unsafe=True)(loaded(model_dot_joblib=data))
    assert not mark.exists()


@in_a_fork
def test_other_threads_may_unpickle_what_they_like(
    loaded: Callable[..., mv.LoadedModel], classifier: LogisticRegression, tmp_path: Path
) -> None:
    """Only what is loaded here is watched."""
    loaders.pickled(allow_unsafe=True)(loaded(model_dot_joblib=joblib_bytes(tmp_path, classifier)))
    assert pickle.loads(pickle.dumps(os.system)) is os.system  # noqa: S301 (our own bytes)


@in_a_fork
def test_a_compressed_pickle_does_not_slip_through(
    loaded: Callable[..., mv.LoadedModel], tmp_path: Path
) -> None:
    """The library unpacks it by itself, and what comes out is watched."""
    mark = tmp_path / "ran"
    data = joblib_bytes(tmp_path, {"w": Bomb(f"touch {mark}")}, compress=3)
    with pytest.raises(mv.UnsafeFormat):
        loaders.pickled(allow_unsafe=True)(loaded(model_dot_joblib=data))
    assert not mark.exists()


@pytest.mark.full
@in_a_fork
def test_torch_checkpoints(loaded: Callable[..., mv.LoadedModel], tmp_path: Path) -> None:
    """With the real PyTorch, which `make test-full` installs."""
    import torch  # pyright: ignore[reportMissingImports] # only there for the long tests

    torch.save({"w": torch.tensor([1.0, 2.0])}, tmp_path / "model.pt")
    checkpoint = loaders.pickled(allow_unsafe=True)(loaded(model_dot_pt=(tmp_path / "model.pt").read_bytes()))
    assert isinstance(checkpoint, dict)
    assert checkpoint["w"].tolist() == [1.0, 2.0]

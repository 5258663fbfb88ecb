"""The half of the registry that serves: follow an alias, lay a version out for a server."""

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypedDict, TypeVar, Unpack

from modelver.content.check import check_verify
from modelver.errors import InvalidValue
from modelver.registry.base import inputs
from modelver.registry.base.finding import alias_in, parse_ref
from modelver.registry.base.progress import Callback
from modelver.registry.base.reading import model_version
from modelver.registry.reader import RegistryReader
from modelver.registry.serving.loading import LoadedModel, warn_if_yanked
from modelver.registry.serving.materializing import GRACE, KEEP, Choices, materialize
from modelver.registry.serving.seeing import AliasSource
from modelver.serving.candidate import ModelMaker
from modelver.serving.change import Change
from modelver.serving.follower import Follower, Swap
from modelver.serving.keeping import Keeper, News
from modelver.serving.materialized import Materialized
from modelver.values.model_version import ModelVersion

T = TypeVar("T")


class MaterializeChoices(TypedDict, total=False):
    """Further arguments of `RegistryServer.materialize`."""

    name: str | None
    file: str | None
    keep: int
    verify: bool
    storage_options: Mapping[str, object] | None
    callback: Callback | None


class RegistryServer(RegistryReader):
    """What serving asks of a registry; see `modelver.Registry`."""

    def follow(
        self,
        ref: str | ModelVersion,
        load: Callable[[LoadedModel], T],
        *,
        interval: float = 30.0,
        check: Callable[[T], object] | None = None,
        swap: Swap = "overlap",
        on_change: Callable[[Change], object] | None = None,
        release: Callable[[T], object] | None = None,
        verify: str = "stamp",
        include: Sequence[str] | str | None = None,
        drain_timeout: float = 60.0,
    ) -> Follower[T]:
        """Serve what an alias names, and follow it as it moves.

        Returns once the first version is loaded. A background thread looks at the registry every `interval` seconds,
        with one request. Where the alias moved, it fetches and verifies the new version, calls `load` and `check`, and
        swaps; requests are answered all the while. A version that fails in any of this is not swapped in: the old one
        serves on, the failure is reported once (log, `on_change`, `Follower.failing`), and the version is tried again
        ever more seldom. While the registry can't be reached the old version serves on too, and `Follower.age` grows;
        at the start, a version that was loaded on this machine before is served then.

        Args:
            ref: Such as ``acme/fraud@production``.
            load: Makes the model of a version's verified files, such as ``lambda m: InferenceSession(m / "model.onnx")``;
                see `modelver.serving.loaders` for ready ones.
            interval: Seconds between two looks; each is a tenth more or less, so that replicas don't ask in step.
            check: A smoke test on the new model: it raises, or returns False, where the model must not be served.
            swap: ``overlap``: the new model is loaded beside the old one. ``drain``: the old one is released first, for a
                device that holds only one; requests wait meanwhile, and the old one is loaded again where the new one
                fails.
            on_change: Told of each swap and each failure: of the first version in this thread, within
                `Follower.check_now` in the caller's, else in the background thread. What it raises is logged.
            release: Told of each model that nobody uses any more, one that failed its check too, in the thread that lets go
                of it: mostly the background one. What it raises is logged.
            verify: How files that were loaded before are checked again; see `load`.
            include: Patterns of the files to load; None loads all.
            drain_timeout: Seconds that ``drain`` waits for those who use the old model; after them the swap has failed.

        Raises:
            NotFound: The reference names nothing, or a blob is missing.
            IntegrityError: The first version is damaged.
            Offline: The registry can't be reached, and the version was not loaded here before.
            Refused: `check` returns False for the first version.
            InvalidValue: An argument is wrong.
            Exception: What `load` or `check` raises for the first version.
        """
        inputs.choice(swap, ("overlap", "drain"), "swap")
        source = AliasSource(self._session, parse_ref(ref), check_verify(verify), include)
        return Follower(
            ModelMaker(source, load, check, release),
            interval=_seconds(interval),
            swap=swap,
            on_change=on_change,
            release=release,
            drain_timeout=drain_timeout,
        )

    def materialize(
        self,
        ref: str | ModelVersion,
        to: str | os.PathLike[str],
        layout: str = "plain",
        *,
        name: str | None = None,
        file: str | None = None,
        keep: int = KEEP,
        grace: float = GRACE,
        verify: bool = True,
        storage_options: Mapping[str, object] | None = None,
        callback: Callback | None = None,
    ) -> Materialized:
        """Lay a version out where a server reads it, and keep that place in step: call it again when the alias moved.

        Who reads there as docs/how-to/layouts.md says never sees a half, but for the repair of a version that was damaged
        where it stands: a version is made where nobody looks, every file is verified, and then one step leads readers to it.
        What stands there already is not copied again, and a call that was broken off goes on.

        In a folder, `to` becomes a symbolic link to the current version; the versions stand beside it, in
        ``.NAME.modelver``. In a bucket, each version has a folder of its own, and ``modelver.json`` names the current one.
        For Triton, `to` is the model repository, in both: a version is ``to/<model>/<number>/``, and ``config.pbtxt``
        names the one that is served. See docs/how-to/layouts.md for what each server has to be told.

        Args:
            ref: Such as ``acme/fraud@production``.
            to: A path, or a URL of a bucket: ``s3://``, ``gs://`` or ``az://``. It must be new, empty, or made by this.
            layout: ``plain``: the version's files as they are; ``triton``: a model of a model repository; ``vllm``: a
                folder as Hugging Face's tools write it.
            name: Triton's name of the model; else the model's, with ``--`` for a slash.
            file: For Triton: which file is the model, where several could be.
            keep: How many versions stay, the current one too.
            grace: Seconds that a version stays after another one became current, whatever `keep` says.
            verify: Whether files that the bucket's service copied by itself are read once, to know that their SHA-256
                is right. All other bytes are always verified.
            storage_options: As for `Registry`, where `to` is a bucket of another kind than the registry's.
            callback: Told of progress in bytes.

        Returns:
            Where it stands, and how its bytes came there.

        Raises:
            NotFound: There is no such version, a blob is missing, or the layout needs a file that the version lacks.
            InvalidValue: The layout can't be made of the version, or an argument is wrong.
            AlreadyExists: Something that this did not make is at the place, or another model is laid out there.
            IntegrityError: A blob is damaged; what was current there still is.
            Conflict: Somebody else has been working at the place for ten minutes.
            StoreError: It can't be written; what was current there still is. `UnsupportedStore`: a store of that kind
                can't hold a layout, such as ``sftp://`` and ``memory://``.
        """
        choices = Choices(layout, name, file, keep, grace, verify, storage_options, callback)
        state, entry = self._find(ref)
        record = model_version(self._session, state, entry, alias=alias_in(state, parse_ref(ref)))
        warn_if_yanked(record, entry)
        return materialize(self._session, state, entry, record, to, choices)

    def sync(
        self,
        ref: str | ModelVersion,
        to: str | os.PathLike[str],
        layout: str = "plain",
        *,
        interval: float = 30.0,
        stop: threading.Event | None = None,
        grace: float = GRACE,
        **choices: Unpack[MaterializeChoices],
    ) -> Iterator[News[Materialized]]:
        """Keep a place in step with an alias: `materialize` now, and whenever it moves.

        Each look is one request. While the registry is away, or a version can't be laid out, what stands there stays,
        and it goes on trying: a version that fails, ever more seldom, a quarter of an hour apart in the end.

        Args:
            ref: As for `materialize`; so are `to`, `layout`, `grace` and all the others.
            to: The place.
            layout: Which layout.
            interval: Seconds between two looks; each is up to a fifth more or less.
            stop: Ends it, once set; None goes on until the caller does.
            grace: Seconds that a version stays after another one became current.
            **choices: Further arguments of `materialize`.

        Yields:
            What came to stand there, or what is wrong, each once.

        Raises:
            ModelverError: What `materialize` raises, where the first version fails; but for a `StoreError` that may pass, so
                any but `UnsupportedStore`.
        """
        source = AliasSource(self._session, parse_ref(ref), "stamp", None)
        keeper = Keeper(
            look=source.look,
            bring=lambda: self.materialize(ref, to, layout, grace=grace, **choices),
            digest=lambda made: made.version.digest,
            interval=_seconds(interval),
            grace=grace,
            wait=(stop or threading.Event()).wait,
            clock=time.monotonic,
        )
        return keeper.run()


def _seconds(interval: float) -> float:
    """Return the seconds between two looks.

    Raises:
        InvalidValue: It is no positive number.
    """
    if not 0 < interval < float("inf"):
        raise InvalidValue("not an interval", where=interval, expected="seconds, more than 0")
    return float(interval)

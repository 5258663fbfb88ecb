"""The half of the registry that serves: follow an alias."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from modelver.content.check import check_verify
from modelver.registry import inputs
from modelver.registry.finding import parse_ref
from modelver.registry.loading import LoadedModel
from modelver.registry.reader import RegistryReader
from modelver.registry.seeing import AliasSource
from modelver.serving.candidate import ModelMaker
from modelver.serving.change import Change
from modelver.serving.follower import Follower, Swap, check_interval
from modelver.values.model_version import ModelVersion

T = TypeVar("T")


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
            on_change: Told of each swap and each failure, in the background thread.
            release: Told of each model that nobody uses any more, in the background thread.
            verify: How files that were loaded before are checked again; see `load`.
            include: Patterns of the files to load; None loads all.
            drain_timeout: Seconds that ``drain`` waits for those who use the old model; after them the swap has failed.

        Raises:
            NotFound: The reference names nothing, or a blob is missing.
            IntegrityError: The first version is damaged.
            Offline: The registry can't be reached, and the version was not loaded here before.
            Refused: `check` says no.
            InvalidValue: An argument is wrong.
        """
        inputs.choice(swap, ("overlap", "drain"), "swap")
        source = AliasSource(self._session, parse_ref(ref), check_verify(verify), include)
        return Follower(
            ModelMaker(source, load, check),
            interval=check_interval(interval),
            swap=swap,
            on_change=on_change,
            release=release,
            drain_timeout=drain_timeout,
        )

"""What a listing of any kind of store must be, besides strong; part of `StoreContract`."""

from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelver.storage.store import Entry, Store

segments = st.from_regex(r"[a-z0-9]([a-z0-9._-]{0,3}[a-z0-9])?", fullmatch=True)
some_keys = st.lists(st.lists(segments, min_size=1, max_size=4).map("/".join), max_size=12, unique=True)


def without_folders(keys: list[str]) -> list[str]:
    """Leave out keys that are folders of others: a local disk can't hold both."""
    return [key for key in keys if not any(other.startswith(f"{key}/") for other in keys)]


class ListingContract:
    """The rules."""

    examples = 40
    """How many sets of keys are tried."""

    def test_listings_are_sorted_as_whole_keys(self, store: Store) -> None:
        """Any set of keys is listed once each, with sizes, in code-point order, and cut off as by sorting them."""
        self._check_listings(store, self.examples)

    @pytest.mark.full
    def test_listings_of_many_sets_of_keys_are_sorted(self, store: Store) -> None:
        """The same, ten times as often."""
        self._check_listings(store, 10 * self.examples)

    def _check_listings(self, store: Store, examples: int) -> None:
        @settings(deadline=None, max_examples=examples)
        @given(some_keys.map(without_folders), st.one_of(segments, st.text(max_size=3)))
        def check(keys: list[str], text: str) -> None:
            folder = uuid4().hex
            full = {f"{folder}/{key}": b"x" * number for number, key in enumerate(keys)}
            for key, data in full.items():
                store.put_blob(key, data)
            entries = [Entry(key, len(full[key])) for key in sorted(full)]
            assert list(store.list(folder)) == entries
            for after in (*full, f"{folder}/{text}", folder, f"{folder}0", text):
                assert list(store.list(folder, after=after)) == [e for e in entries if e.key > after]
            for below in {key.rpartition("/")[0] for key in full}:
                assert list(store.list(below)) == [e for e in entries if e.key.startswith(f"{below}/")]

        check()

    def test_folders_that_begin_alike_are_told_apart(self, store: Store) -> None:
        """A prefix is a folder, not a beginning of a text; whole keys sort differently from their parts."""
        keys = ["a-b/x", "a.b/x", "a/b/x", "a/x", "a0/x", "ab/x"]
        for key in reversed(keys):
            store.put_new(key, b"1")
        assert [entry.key for entry in store.list("")] == keys
        assert [entry.key for entry in store.list("a")] == ["a/b/x", "a/x"]
        assert [entry.key for entry in store.list("", after="a/b/x")] == ["a/x", "a0/x", "ab/x"]
        assert [entry.key for entry in store.list("", after="a-b/x")] == keys[1:]

    def test_an_object_is_not_below_itself(self, store: Store) -> None:
        """Listing under an object's own key is empty."""
        store.put_new("a/object", b"1")
        assert list(store.list("a/object")) == []

    def test_a_log_is_read_on_from_any_entry(self, store: Store) -> None:
        """After the entry with some number, just the later ones are listed, in order."""
        names = [f"log/{number:020d}.json" for number in range(1, 31)]
        for name in names:
            store.put_new(name, b"{}")
        for number, name in enumerate(names):
            assert [entry.key for entry in store.list("log", after=name)] == names[number + 1 :]

    def test_a_listing_survives_what_is_written_while_it_is_read(self, store: Store) -> None:
        """An open listing goes on through writes, and shows all that was there when it began."""
        names = [f"log/{number}" for number in range(5)]
        for name in names:
            store.put_new(name, b"1")
        listing = store.list("log")
        seen = [next(listing).key]
        store.put_new("log/9", b"1")
        store.put_new("log/0a", b"1")
        seen += [entry.key for entry in listing]
        assert set(names) <= set(seen)
        assert seen == sorted(set(seen))

    def test_folders_are_those_of_the_objects(self, store: Store) -> None:
        """The folders right in a folder are named once each, in order; objects and deeper folders are not named."""
        assert list(store.folders("models")) == []
        for key in (
            "models/b/log/1",
            "models/b/log/2",
            "models/a.1/log/1",
            "models/a/x",
            "models/object",
            "other/c/1",
        ):
            store.put_new(key, b"1")
        assert list(store.folders("models")) == ["a", "a.1", "b"]
        assert list(store.folders("models/b")) == ["log"]
        assert list(store.folders("models/b/log")) == []
        assert list(store.folders("")) == ["models", "other"]
        assert list(store.folders("mod")) == []

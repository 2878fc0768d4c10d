"""What every store of passages keeps to, as tests: inherit `StoreContract` and say how a store is opened."""

from __future__ import annotations

import threading
from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from groundtune.knowledge.access import AccessRules
from groundtune.knowledge.filters import EVERYONE, Filter
from groundtune.knowledge.passages import Splitter
from groundtune.knowledge.reading import Reading
from groundtune.knowledge.schema import Entry, Prepared, key_of, to_arrow
from groundtune.knowledge.store import EMPTY, Snapshot, Store
from groundtune.knowledge.sync import SyncReport, bring_up_to_date
from groundtune.knowledge.versions import Tally
from groundtune.records import Document
from groundtune.testing.embedding import HashedWords

__all__ = ["DIMENSIONS", "StoreContract", "documents_for", "sync_store"]

DIMENSIONS = 32
_WORDS = (
    "gate",
    "door",
    "safe",
    "lock",
    "key",
    "bell",
    "roof",
    "wall",
    "path",
    "yard",
    "pond",
    "tree",
    "lamp",
    "desk",
    "book",
    "clock",
    "chair",
    "stair",
    "hedge",
    "fence",
)
_GROUPS = ("hr", "legal", "it's")
_EMBEDDING = HashedWords(DIMENSIONS)


def _text(number: int) -> str:
    chosen = np.random.default_rng(number).choice(_WORDS, 12)
    return f"Entry {number}: {' '.join(chosen)}."


def documents_for(count: int) -> list[Document]:
    """Short documents, each one passage; every third is for one group, every fifth has a year."""
    return [
        Document(
            id=f"d{number}",
            title="",
            text=_text(number),
            source=f"docs/{number}",
            metadata={"year": str(2020 + number % 4)} if number % 5 == 0 else {},
            groups=(_GROUPS[number % len(_GROUPS)],) if number % 3 == 0 else (),
        )
        for number in range(count)
    ]


def sync_store(store: Store, documents: Iterable[Document], keep: int = 5) -> SyncReport:
    """Make a store equal to documents."""
    store.begin()
    stored = store.contents()
    reading = Reading(stored, Splitter(_EMBEDDING.tokens, 60), "recipe", AccessRules({}))
    items = reading.entries(Entry(document) for document in documents)
    report = bring_up_to_date(
        items,
        store,
        _EMBEDDING,
        stored=stored,
        tally=Tally(stored),
        count=lambda: None,
        progress=lambda *_: None,
        keep=keep,
    )
    store.end()
    return report


class StoreContract:
    """The contract; a subclass named ``Test…`` runs it with pytest.

    Attributes:
        passages: How many a store under test is filled with.
        recall: Share of the exact ten nearest that it must find.
    """

    passages = 120
    recall = 1.0

    def open(self) -> Store:
        """A new handle on the store of this test: empty at first, the same one each time."""
        raise NotImplementedError

    @pytest.fixture(scope="class")
    @classmethod
    def filled(cls) -> tuple[list[Document], Store]:
        """Documents, and a store that holds them; shared by the tests that only read."""
        raise NotImplementedError

    def newest(self, store: Store) -> Snapshot:
        """What readers see."""
        snapshot = store.snapshot()
        assert snapshot is not None
        return snapshot

    # -- reading

    def test_the_nearest_are_those_of_an_exact_search(self, filled: tuple[list[Document], Store]) -> None:
        """Cosines are right, in order, and of the passages that are really the nearest."""
        documents, store = filled
        snapshot = self.newest(store)
        everyone = Filter(groups=frozenset(_GROUPS))
        texts = {document.id: document.text for document in documents}
        matrix = _EMBEDDING.embed(list(texts.values()))
        right = 0
        for number in range(20):
            vector = _EMBEDDING.embed([_text(10_000 + number)])[0]
            found = snapshot.dense(vector, 30, everyone)
            cosines = dict(zip(texts, (matrix @ vector).tolist(), strict=True))
            names = snapshot.documents_of(list(found))
            assert list(found.values()) == sorted(found.values(), reverse=True)
            assert np.allclose(list(found.values()), [cosines[name] for name in names], atol=1e-4)
            right += len(set(sorted(cosines, key=lambda id_: -cosines[id_])[:10]) & set(names[:10]))
        assert right / 200 >= self.recall, right

    def test_words_are_found_the_best_match_first(self, filled: tuple[list[Document], Store]) -> None:
        """The only passage with a word comes first; words that mean something to a query language are just words."""
        documents, store = filled
        snapshot = self.newest(store)
        caller = Filter(groups=frozenset(_GROUPS))
        wanted = documents[len(documents) // 2]
        number = wanted.id.removeprefix("d")
        found = snapshot.lexical(f"what does entry {number} say of the gate", 5, caller)
        assert snapshot.documents_of(list(found))[0] == wanted.id
        assert list(found.values()) == sorted(found.values(), reverse=True)
        for question in ('"gate', "gate AND (", "+gate -door", "gate:*", "\\", "   ", "' OR 1=1", "!", "%", "\x00"):
            assert isinstance(snapshot.lexical(question, 5, caller), dict)
        assert snapshot.lexical("zzzzz", 5, caller) == {}

    @settings(max_examples=25, suppress_health_check=[HealthCheck.differing_executors])
    @given(
        groups=st.frozensets(st.sampled_from([*_GROUPS, "strangers", ""])),
        year=st.sampled_from([None, "2020", "2023", "1999"]),
        only=st.none() | st.lists(st.integers(0, 40), max_size=6),
        without=st.lists(st.integers(0, 40), max_size=6),
        word=st.sampled_from(_WORDS),
    )
    def test_a_filter_lets_through_exactly_what_it_should(
        self,
        filled: tuple[list[Document], Store],
        groups: frozenset[str],
        year: str | None,
        only: list[int] | None,
        without: list[int],
        word: str,
    ) -> None:
        """Neither ranking returns what is not for the caller, and nothing that is crowds out what is."""
        documents, store = filled
        snapshot = self.newest(store)
        filter = Filter(
            groups=groups,
            metadata={} if year is None else {"year": year},
            documents=None if only is None else tuple(f"d{number}" for number in only),
            without=tuple(f"d{number}" for number in without),
        )
        wanted = {
            document.id
            for document in documents
            if (not document.groups or groups & set(document.groups))
            and (year is None or document.metadata.get("year") == year)
            and (only is None or int(document.id[1:]) in only)
            and int(document.id[1:]) not in without
        }
        dense = snapshot.dense(_EMBEDDING.embed([word])[0], 10, filter)
        assert set(snapshot.documents_of(list(dense))) <= wanted
        assert len(dense) == min(10, len(wanted))
        lexical = snapshot.lexical(word, 10, filter)
        holding = {id_ for id_ in wanted if f" {word}" in documents[int(id_[1:])].text}
        assert set(snapshot.documents_of(list(lexical))) <= holding
        assert len(lexical) == min(10, len(holding))
        readable = snapshot.documents(Filter(groups=groups))
        assert readable == sorted(
            document.id for document in documents if not document.groups or groups & set(document.groups)
        )
        assert snapshot.withheld(filter) == sorted({document.id for document in documents} - set(readable))

    def test_what_was_found_is_read_whole(self, filled: tuple[list[Document], Store]) -> None:
        """Passages, vectors and cosines of found ids, in their order."""
        documents, store = filled
        snapshot = self.newest(store)
        vector = _EMBEDDING.embed(["gate bell"])[0]
        ids = list(snapshot.lexical("gate bell", 12, EVERYONE))[::-1]
        passages = snapshot.passages(ids)
        assert [passage.id for passage in passages] == ids
        assert [passage.document for passage in passages] == snapshot.documents_of(ids)
        texts = {document.id: document.text for document in documents}
        assert all(texts[passage.document][passage.start : passage.end] == passage.text for passage in passages)
        expected = _EMBEDDING.embed([passage.text for passage in passages])
        assert np.allclose(snapshot.vectors_of(ids), expected, atol=1e-3)
        cosines = snapshot.cosines(ids, vector)
        assert np.allclose([cosines[id_] for id_ in ids], expected @ vector, atol=1e-3)
        assert snapshot.cosines([], vector) == {}

    def test_a_document_is_read_only_by_who_may(self, filled: tuple[list[Document], Store]) -> None:
        """Views of a document deny as searches do."""
        documents, store = filled
        snapshot = self.newest(store)
        closed, open_ = documents[3], documents[1]
        allowed = Filter(groups=frozenset(closed.groups))
        assert snapshot.document(open_.id, EVERYONE) == open_
        assert snapshot.document(closed.id, allowed) == closed
        assert [passage.text for passage in snapshot.passages_of(closed.id, allowed)] == [closed.text]
        assert snapshot.document(closed.id, EVERYONE) is None
        assert snapshot.passages_of(closed.id, EVERYONE) == []
        assert snapshot.document("nothing", allowed) is None
        assert snapshot.count == len(documents)

    # -- writing

    def test_an_empty_store_and_an_emptied_one(self) -> None:
        """Nothing is there, and nothing fails."""
        store = self.open()
        assert (store.begin(), store.contents()) == (EMPTY, {})
        assert (store.versions(), store.snapshot(), store.vectors(["k"])) == ([], None, {})
        sync_store(store, documents_for(4))
        report = sync_store(store, [])
        assert (report.removed, report.passages) == (4, 0)
        snapshot = self.newest(self.open())
        assert (snapshot.count, snapshot.documents(EVERYONE)) == (0, [])
        assert snapshot.dense(_EMBEDDING.embed(["gate"])[0], 5, EVERYONE) == {}
        assert snapshot.lexical("gate", 5, EVERYONE) == {}

    def test_nothing_is_seen_before_it_is_published_and_then_all(self) -> None:
        """Readers of any handle go from one version to the next."""
        writer, reader = self.open(), self.open()
        sync_store(writer, documents_for(4))
        writer.begin()
        rows, _ = _rows(Document(id="new", title="", text="A new bell.", source="new"))
        writer.write(rows, ["d1"])
        writer.remove(["d2"])
        before = self.newest(reader)
        assert before.documents(EVERYONE) == ["d1", "d2"]
        writer.publish("name", 3)
        assert self.newest(reader).documents(EVERYONE) == ["new"]
        assert (self.newest(reader).version, self.newest(reader).count) == ("name", 3)
        assert before.documents(EVERYONE) == ["d1", "d2"], "a snapshot does not change"

    def test_what_a_dead_writer_left_is_taken_back(self) -> None:
        """The next writer begins with what was published."""
        dead, store = self.open(), self.open()
        held: tuple[str, dict[str, str]] = (EMPTY, {})
        for published in (False, True):
            if published:
                sync_store(store, documents_for(6))
                held = (store.begin(), store.contents())
                store.end()
                assert held[0] == self.newest(store).version
            dead.begin()
            rows, _ = _rows(Document(id="stray", title="", text="A stray bell.", source="stray"))
            dead.write(rows, ["d1"])
            dead.remove(["d2"])
            dead.end()
            assert (store.begin(), store.contents()) == held
            store.end()
        sync_store(store, documents_for(6))
        assert self.newest(store).documents(Filter(groups=frozenset(_GROUPS))) == [f"d{n}" for n in range(6)]

    def test_vectors_are_found_by_their_keys(self) -> None:
        """What is stored needs not be embedded again; what is not, is not there."""
        store = self.open()
        sync_store(store, documents_for(3))
        _, keys = _rows(*documents_for(2))
        found = store.vectors([*keys, "unknown"])
        assert set(found) == set(keys)
        expected = _EMBEDDING.embed([document.text for document in documents_for(2)])
        assert np.allclose([found[key] for key in keys], expected, atol=1e-3)

    def test_kept_versions_are_searched_again_and_others_are_gone(self) -> None:
        """By their names, from any handle."""
        store = self.open()
        names = [sync_store(store, documents_for(count), keep=2).version for count in (2, 3, 5)]
        reader = self.open()
        assert [version.name for version in reader.versions()] == names[:0:-1]
        assert [(version.documents, version.passages) for version in reader.versions()] == [(5, 5), (3, 3)]
        assert reader.snapshot(names[0]) is None
        older = reader.snapshot(names[1])
        assert older is not None
        everyone = Filter(groups=frozenset(_GROUPS))
        assert older.documents(everyone) == ["d0", "d1", "d2"]
        vector = _EMBEDDING.embed(["gate"])[0]
        assert len(older.dense(vector, 9, everyone)) == 3
        assert len(older.lexical("entry", 9, everyone)) == 3
        assert sync_store(store, documents_for(3), keep=2).version == names[1], "equal documents, equal name"

    def test_ids_and_texts_of_any_kind(self) -> None:
        """Nothing that a user's file may hold breaks a statement."""
        ids = ["it's", 'a "b"', "back\\slash", "new\nline", "日本/語.md", "#1-2", "%_", "'; DROP TABLE x; --", "{a,b}"]
        documents = [
            Document(id=id_, title=id_, text=f"The gate. {id_} 𝄞", source=id_, metadata={id_: id_}, groups=(id_,))
            for id_ in ids
        ]
        store = self.open()
        sync_store(store, documents)
        snapshot = self.newest(store)
        for document in documents:
            filter = Filter(groups=frozenset(document.groups), metadata=document.metadata)
            assert snapshot.document(document.id, filter) == document
            assert snapshot.documents_of(list(snapshot.lexical("gate", 9, filter))) == [document.id]

    def test_readers_see_whole_documents_while_they_are_replaced(self) -> None:
        """Each query sees one version of a document of many passages."""
        store, reader = self.open(), self.open()
        versions = [[Document(id="d", title="", text=f"{w} gate. " * 120, source="d")] for w in ("old", "new")]
        sync_store(store, versions[0])
        seen: list[set[str]] = []
        done = threading.Event()

        def read() -> None:
            while not done.is_set():
                snapshot = self.newest(reader)
                ids = list(snapshot.lexical("gate", 99, EVERYONE))
                seen.append({passage.text.split()[0] for passage in snapshot.passages(ids)})

        thread = threading.Thread(target=read)
        thread.start()
        for turn in range(1, 5):
            sync_store(store, versions[turn % 2])
        done.set()
        thread.join()
        assert seen
        assert all(found in ({"old"}, {"new"}) for found in seen)


def _rows(*documents: Document) -> tuple[pa.Table, list[str]]:
    splitter = Splitter(_EMBEDDING.tokens, 60)
    prepared = [Prepared(Entry(d), "content", splitter.split(d.text, d.title)) for d in documents]
    pieces = [piece for item in prepared for piece in item.pieces]
    keys = [key_of(piece) for piece in pieces]
    return to_arrow(prepared, keys, _EMBEDDING.embed_ids([piece.ids for piece in pieces])), keys

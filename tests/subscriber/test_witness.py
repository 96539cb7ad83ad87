"""A store seals what it holds, a witness co-signs it, and whoever takes something back is caught."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from agent.contract.checkpoint import opened, origin
from agent.contract.envelope import open_envelope
from agent.contract.jws import Key, KeyRing
from agent.contract.topics import Class, NodeName
from agent.contract.types import HeadData
from agent.errors import Refused, StoreError
from agent.provision.keys import until_ends
from agent.subscriber.checkpoint import Seals
from agent.subscriber.holding import Item
from agent.subscriber.tables import open_store, open_tables
from agent.subscriber.witness import Witness, requests
from tests.contract.makers import AT, NODE, STORE, Chain, ring_of, signer
from tests.subscriber.parts import dropping, message, several

WITNESS = NodeName("romagna-faentina", "faenza", "witness")
NAME = str(NODE)


class Place:
    """A store's database, a witness, and a node whose chain is kept."""

    def __init__(self, folder: Path, where: str) -> None:
        self.folder = folder
        self.database = where
        self.chain = Chain()
        self.ring = ring_of(
            (self.chain.signer, "node", NODE),
            (signer("store"), "store", STORE),
            (signer("witness"), "witness", WITNESS),
        )
        self.where = origin(NODE, self.chain.signer.kid)
        self.store = open_store(where)
        self.seals = Seals(where)
        self.witness = Witness(folder / "witness.sqlite", signer("witness"), str(WITNESS))

    def close(self) -> None:
        for one in (self.store, self.seals, self.witness):
            one.close()

    def change(self, sql: str) -> None:
        """What somebody with the rights of the database does to it behind the store's back."""
        with closing(open_tables(self.database)) as tables:
            tables.change(sql)

    def keep(self, messages, ring: KeyRing | None = None) -> None:
        items = [
            Item(open_envelope(one.payload, ring or self.ring, topic=one.topic), one.payload.decode())
            for one in messages
        ]
        self.store.commit(items, at=AT)

    def seal(self) -> list[int]:
        return [one.size for one in self.seals.seal(signer("store"), str(STORE), at=AT)]

    def round(self) -> list[int]:
        """Seal, let the witness sign, keep its signatures; sizes that it signed."""
        self.seal()
        signed = [
            self.witness.cosign(request, self.ring, at=AT) for request in self.seals.requests(self.ring, str(WITNESS))
        ]
        for note in signed:
            assert self.seals.add(note, self.ring, at=AT)
        return [opened(note, self.ring).checkpoint.size for note in signed]

    def head(self, seq: int | None = None, digest: str = ""):
        data = HeadData(
            seq=self.chain.seq if seq is None else seq,
            digest=digest or (self.chain.prev if seq is None else f"{seq:064}"),
        )
        token = self.chain.make(Class.HEAD, data, kind="node")
        return open_envelope(token, self.ring), token


@pytest.fixture
def place(tmp_path: Path, where: str) -> Iterator[Place]:
    with closing(Place(tmp_path, where)) as made:
        yield made


# What a store seals


def test_a_chain_is_sealed_as_far_as_it_is_whole(place: Place):
    first, second, _, fourth = several(place.chain, 4)
    place.keep([first, second, fourth])
    assert place.seal() == [2]
    assert place.seal() == []


def test_numbers_that_the_node_gave_up_are_sealed_as_vacant(place: Place):
    first, *_ = several(place.chain, 3)
    place.keep([first, dropping(place.chain, (2, 3))])
    assert place.seal() == [4]
    (note,) = place.seals.notes()
    assert opened(note, place.ring).checkpoint.vacant == ((2, 3),)


def test_what_was_sealed_as_vacant_stays_so_when_it_comes_late(place: Place):
    """Otherwise the store itself would seem to take something back."""
    first, second = several(place.chain, 2)
    place.keep([first, dropping(place.chain, (2, 2))])
    assert place.round() == [3]
    place.keep([second, message(place.chain)])
    assert place.round() == [4]


def test_a_new_chain_is_sealed_beside_the_old_one(place: Place):
    place.keep(several(place.chain, 2))
    place.seal()
    new = Chain(signer=signer("the new card"))
    place.ring.add(Key(new.signer.kid, new.signer.public, "node", NAME))
    place.keep(several(new, 3))
    assert place.seal() == [3]
    assert [opened(note, place.ring).checkpoint.size for note in place.seals.notes()] in ([2, 3], [3, 2])


def test_a_file_that_is_no_store_is_named(tmp_path: Path):
    with pytest.raises(StoreError, match="no such file"):
        Seals(tmp_path / "absent.sqlite")
    (tmp_path / "other.sqlite").touch()
    with pytest.raises(StoreError, match="no such table"):
        Seals(tmp_path / "other.sqlite")


# What a witness signs


def test_a_witness_signs_every_list_that_goes_on_from_the_last(place: Place):
    for count in (1, 2, 5, 1):
        place.keep(several(place.chain, count))
        place.round()
    assert place.seals.size(place.where) == 9
    assert place.round() == []


def test_a_witness_forgets_nothing_over_a_restart(place: Place):
    place.keep(several(place.chain, 3))
    place.round()
    place.witness.close()
    place.witness = Witness(place.folder / "witness.sqlite", signer("witness"), str(WITNESS))
    place.keep(several(place.chain, 1))
    assert place.round() == [4]
    assert len(list(place.witness.notes())) == 2


def test_a_store_that_changed_the_past_is_caught(place: Place):
    place.keep(several(place.chain, 5))
    place.round()
    place.keep(several(place.chain, 1))
    place.change(f"UPDATE envelope SET digest = '{'0a' * 32}' WHERE seq = 2")
    with pytest.raises(Refused) as refused:
        place.round()
    assert refused.value.why == "inconsistent"
    ((_, why, said),) = place.witness.evidence()
    assert (why, opened(said, place.ring).checkpoint.size) == ("inconsistent", 6)


def test_a_request_that_goes_on_from_another_size_learns_the_right_one(place: Place):
    place.keep(several(place.chain, 3))
    place.round()
    place.keep(several(place.chain, 1))
    place.seal()
    (request,) = place.seals.requests(place.ring, str(WITNESS))
    with pytest.raises(Refused, match="3 was co-signed last") as refused:
        place.witness.cosign(request.replace("old 3", "old 2"), place.ring, at=AT)
    assert refused.value.why == "conflict"


def test_a_request_that_no_store_of_the_ring_signed_is_refused(place: Place):
    place.keep(several(place.chain, 1))
    place.seals.seal(signer("somebody"), str(STORE), at=AT)
    strangers = ring_of((signer("somebody"), "store", STORE))
    (request,) = place.seals.requests(strangers, str(WITNESS))
    with pytest.raises(Refused) as refused:
        place.witness.cosign(request, place.ring, at=AT)
    assert refused.value.why == "unknown-key"


@pytest.mark.parametrize("text", ["", "old 0", "old x\n\npiazza\n\n— a b", "new 0\n\na\n\nb", "old 1\n!\n\na\n\nb"])
def test_what_is_no_request_is_refused(place: Place, text: str):
    with pytest.raises(Refused):
        place.witness.cosign(text, place.ring, at=AT)


def test_requests_of_several_chains_travel_in_one_file(place: Place):
    place.keep(several(place.chain, 3))
    place.round()
    place.keep(several(place.chain, 2))
    place.seal()
    made = list(place.seals.requests(place.ring, str(WITNESS)))
    assert list(requests("\n".join(made * 2))) == made * 2


def test_a_signature_for_a_checkpoint_that_was_never_made_is_not_kept(place: Place):
    place.keep(several(place.chain, 3))
    place.round()
    (note,) = place.seals.notes()
    place.change("DELETE FROM checkpoint")
    with pytest.raises(Refused) as refused:
        place.seals.add(note, place.ring, at=AT)
    assert refused.value.why == "unknown"


def test_nothing_new_is_taken_of_a_witness_whose_agreement_has_ended(place: Place):
    """Whatever second it says that it signed in: it could say any."""
    place.keep(several(place.chain, 3))
    place.seal()
    (request,) = place.seals.requests(place.ring, str(WITNESS))
    note = place.witness.cosign(request, place.ring, at=AT)
    place.ring = until_ends(place.ring, {str(WITNESS): AT + 60})
    with pytest.raises(Refused) as refused:
        place.seals.add(note, place.ring, at=AT + 60)
    assert refused.value.why == "ended"
    assert place.seals.add(note, place.ring, at=AT + 59)


# Heads


def test_a_head_is_co_signed_once_in_the_interval_and_looked_at_always(place: Place):
    several(place.chain, 3)
    assert place.witness.see_head(*place.head(), at=AT)
    assert place.witness.see_head(*place.head(), at=AT + 60) == ""
    several(place.chain, 1)
    note = place.witness.see_head(*place.head(), at=AT + 3600)
    assert opened(note, place.ring).checkpoint.size == 4


def test_a_node_that_promises_less_than_before_is_caught(place: Place):
    several(place.chain, 5)
    place.witness.see_head(*place.head(), at=AT)
    with pytest.raises(Refused) as refused:
        place.witness.see_head(*place.head(seq=4), at=AT + 1)
    assert refused.value.why == "rolled-back"
    assert len(place.witness.evidence()) == 1


def test_a_node_with_two_digests_for_one_number_is_caught(place: Place):
    several(place.chain, 5)
    place.witness.see_head(*place.head(), at=AT)
    with pytest.raises(Refused) as refused:
        place.witness.see_head(*place.head(seq=5), at=AT + 1)
    assert refused.value.why == "equivocation"


def test_an_older_head_that_comes_late_is_no_fault(place: Place):
    several(place.chain, 2)
    early = place.head()
    several(place.chain, 2)
    place.witness.see_head(*place.head(), at=AT)
    assert place.witness.see_head(*early, at=AT + 1) == ""
    assert place.witness.evidence() == []

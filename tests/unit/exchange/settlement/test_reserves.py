# What a draft fixes, and in which order: chains move on while it is made, and answers of the registry get lost.
# Chain and registry are simulated; books and archive are real.
from dataclasses import replace

import pytest
from simulators.settlement_world import btc

from custody.primitives.chain import BlockRef, ChainId
from custody.primitives.secret import Secret
from exchange.settlement.reserve_archive import ReserveArchive, ReserveKeys
from exchange.settlement.reserves import ArchiveMismatch, ReserveParts, ReservesDesk
from governance.contracts.refusals import CallReverted
from governance.contracts.registry import PublishedEntry
from governance.contracts.sending import OutcomeUnknown


class MovingSource:
    """A simulated chain on which a payment becomes final as soon as it was asked for its newest final block."""

    caip2 = "bip122:sim"
    final_depth = 6

    def __init__(self, moved):
        self._moved = moved

    def final_block(self):
        block = BlockRef(ChainId("sim"), 7, "ab" * 32, "cd" * 32)  # still holds the coins of the payment
        self._moved()
        return block

    def holdings(self, block):
        return ()

    def owned(self, block):
        return ()

    def quorums(self, block):
        return ()


class SimRegistry:
    """Holds entries; loses an answer before or after the transaction counts, or refuses."""

    def __init__(self):
        self.entries, self.fault = {}, ""

    def last_statement(self):
        return self.entries[max(self.entries)] if self.entries else None

    def publish_statement(self, entry):
        if self.fault == "refuse":
            raise CallReverted("the cut-off does not rise")
        if self.fault != "lost before":
            kept = PublishedEntry(
                entry.seq, entry.statement_digest, entry.log_root, entry.log_size, entry.cutoff_s, entry.cutoff_s
            )
            assert self.entries.setdefault(entry.seq, kept) == kept, "the contract keeps the first"
        if self.fault:
            raise OutcomeUnknown("no answer")
        return f"sim #{entry.seq}"


def desk_of(world, source, registry=None):
    parts = ReserveParts(
        exchange="sim.example",
        asset_ids={scale.number: f"bip122:sim/slip44:{scale.number}" for scale in world.scales},
        sources=(source,),
        keys=ReserveKeys(*(Secret(bytes([n]) * 32) for n in (1, 2, 3))),
        archive=ReserveArchive(world.home.reserves),
        registry=registry or SimRegistry(),
        now_s=lambda: 1_700_000_000 + world.seq,
        ledger_head=lambda: "ab" * 32,
        hot_evidence=lambda claims, approvals: (),
    )
    return ReservesDesk(parts, world.accounts, world.scales)


def test_a_payment_that_becomes_final_meanwhile_never_makes_a_surplus(world):
    world.fund("alice", btc(100))
    world.hold("wd-1", "alice", btc(60))
    draft = desk_of(world, MovingSource(lambda: world.ledger.post("wd-1"))).draft()
    assert world.units("alice") == (40, 0)
    # The coins stand in the block, so the debt stands in the trees.
    assert [(row.account_id, row.units) for row in draft.snapshot.rows] == [("alice", 100)]
    assert draft.header.ledger.seq == draft.snapshot.ledger_seq


@pytest.fixture
def registry():
    return SimRegistry()


@pytest.fixture
def desk(world, registry):
    world.fund("alice", btc(100))
    return desk_of(world, MovingSource(lambda: None), registry)


def publish(desk):
    return desk.publish(desk.draft().header.seq, (), ())


@pytest.mark.parametrize("fault", ["lost before", "lost after"])
def test_a_statement_whose_fate_is_unknown_is_sent_again_and_never_replaced(world, registry, desk, fault):
    registry.fault = fault
    with pytest.raises(OutcomeUnknown):
        publish(desk)
    world.fund("bob", btc(7), "later")  # a new statement of this number would be another one
    with pytest.raises(OutcomeUnknown):
        desk.draft()
    registry.fault = ""
    assert publish(desk).seq == 2
    for seq in (1, 2):
        assert registry.entries[seq].statement_digest == ReserveArchive(world.home.reserves).digest(seq)


def test_a_refused_statement_is_given_up_and_its_number_is_free(registry, desk):
    registry.fault = "refuse"
    with pytest.raises(CallReverted):
        publish(desk)
    registry.fault = ""
    assert publish(desk).seq == 1


def test_refuses_to_go_on_where_the_registry_ends_with_another_statement(world, registry, desk):
    publish(desk)
    other = desk_of(world, MovingSource(lambda: None), SimRegistry())
    with pytest.raises(ArchiveMismatch, match="ends with statement 0"):
        other.draft()
    registry.entries[1] = replace(registry.entries[1], statement_digest=b"\x01" * 32)
    with pytest.raises(ArchiveMismatch):
        desk.draft()

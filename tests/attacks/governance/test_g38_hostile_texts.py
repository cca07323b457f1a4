# Attack G38: texts in votes and proposals are bytes that strangers choose. None may stop the index, the database or
# the state; a vote whose reason is nonsense counts like any other.
import pytest
from simulators.governance import FINAL_DEPTH, HOUR_S

from custody.store.database import open_database
from governance.contracts.sending import contract_at

pytestmark = pytest.mark.node
PLACEHOLDER = "A" * 64
HOSTILE = {
    "not UTF-8": b"\xff\xfe\x80" + b"\xff" * 61,
    "half a character": b"a" * 63 + b"\xe2",
    "zero bytes": bytes(64),
    "a lone surrogate": b"\xed\xa0\x80" + b"x" * 61,
    "control characters": bytes(range(1, 32)) * 2 + b"\x7f\x7f",
    "markup and quotes": b"<script>'\";--</script>".ljust(64, b"\\"),
}


class RawCall:
    # A call whose bytes no library would encode.
    fn_name = "castVoteWithReason"

    def __init__(self, to, calldata):
        self.to, self.calldata = to, calldata

    def build_transaction(self, fields):
        fees = {"gas": 500_000, "maxFeePerGas": 10**10, "maxPriorityFeePerGas": 1, "value": 0}
        return {**fields, **fees, "to": self.to, "data": self.calldata}


@pytest.mark.parametrize("reason", HOSTILE.values(), ids=HOSTILE.keys())
def test_g38_a_hostile_reason_stops_nothing(house, tmp_path, reason):
    indexer = house.indexer(open_database(f"sqlite:///{tmp_path}/governance.db"))
    listing = house.propose()
    house.reach(house.started_at(listing) + 4 * HOUR_S)
    contract = contract_at(house.web3, "ListingVote", house.deployment.address("ListingVote"))
    call = contract.encode_abi("castVoteWithReason", [listing, 1, PLACEHOLDER])
    forged = call.replace(PLACEHOLDER.encode().hex(), reason.hex())
    assert forged != call
    house.people["alice"].send(RawCall(contract.address, forged))
    house.reach(house.started_at(listing) + 44 * HOUR_S)
    house.vote.finalize(house.people["relayer"], listing)
    house.anvil.mine(FINAL_DEPTH)
    indexer.poll()
    assert indexer.listings().get(listing).yes == house.vote.proposal(listing).yes > 0
    assert indexer.outbox() == [(1, listing)]
    assert len(indexer.state_hash()) == 64

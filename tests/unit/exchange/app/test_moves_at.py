# Gatherings and children of payments share one table of moves; each is followed by those who can prove its end.
import pytest
from simulators.chain import COIN, chain

from custody.chains.port import SignedTx
from custody.primitives.amount import Amount
from custody.primitives.asset import AssetBook
from custody.store.database import open_database
from custody.store.sweeps import SqlSweepStore
from custody.wallets.sweep import Sweep, SweepState
from exchange.app.moves_at import GATHERING_PLACE, MovesAt
from exchange.app.utxo_children import place_of


def tx(txid):
    return SignedTx(txid, b"raw", f"key-{txid}", Amount(1, COIN))


@pytest.fixture
def store():
    return SqlSweepStore(open_database("sqlite://"), AssetBook([COIN]))


def test_only_moves_of_the_kind_are_shown_and_all_are_kept(store):
    gatherings = MovesAt(store, lambda place: place == GATHERING_PLACE)
    children = MovesAt(store, lambda place: place < GATHERING_PLACE)
    gathering, child = (
        Sweep(tx("g"), GATHERING_PLACE, SweepState.STORED),
        Sweep(tx("c"), place_of(tx("00" * 32)), SweepState.STORED),
    )
    gatherings.save_sweep(chain(), gathering)
    children.save_sweep(chain(), child)
    assert gatherings.sweeps(chain(), tuple(SweepState)) == [gathering]
    assert children.sweeps(chain(), tuple(SweepState)) == [child]
    assert gatherings.sweeps(chain(), (SweepState.FINAL,)) == []
    assert len(store.sweeps(chain(), tuple(SweepState))) == 2


@pytest.mark.parametrize("txid", ["00" * 32, "0000001" + "f" * 57, "ff" * 32])
def test_no_child_has_the_place_of_a_gathering_or_of_a_deposit_account(txid):
    assert place_of(tx(txid)) < GATHERING_PLACE < 0

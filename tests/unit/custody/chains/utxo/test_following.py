import pytest
from simulators.bitcoin import make_wallet

from custody.chains.utxo.following import MAX_FOLLOW_BLOCKS, MAX_REWIND_BLOCKS, CoinFollower
from custody.chains.utxo.params import DOGECOIN_REGTEST
from custody.nodes.bitcoin_answers import Block, BlockOutput, BlockTx, Header, Scan
from custody.primitives.chain import BlockRef
from custody.primitives.errors import NodeUnavailable

WALLET, _ = make_wallet("following", 2, 3, DOGECOIN_REGTEST, window=5)
OURS = WALLET.script_pubkey(0, 2)


class Chain:
    """A simulator: a node whose every block pays the wallet its own height in koinu."""

    def __init__(self, height, *, scans=False):
        self.names = [f"a{n}" for n in range(height + 1)]
        self.scans = scans
        self.read = []

    def best_hash(self):
        return self.names[-1]

    def height(self):
        return len(self.names) - 1

    def block_hash(self, height):
        return self.names[height] if height < len(self.names) else None

    def block(self, block_hash, *, with_spent=False):
        height = self.names.index(block_hash)
        self.read.append(height)
        parent = self.names[height - 1] if height else ""
        paid = BlockTx(f"tx-{block_hash}", (), (BlockOutput(height, OURS),), coinbase=False)
        return Block(Header(height, block_hash, parent, 1), (paid,))

    def scan(self, descriptors, last_index):
        return Scan(self.height(), self.best_hash(), ()) if self.scans else None

    def mine(self, count):
        self.names += [f"a{len(self.names) + n}" for n in range(count)]

    def reorganise(self, depth):
        kept = len(self.names) - depth
        self.names[kept:] = [f"b{kept + n}" for n in range(depth + 1)]


def test_blocks_that_move_while_they_are_read_are_no_answer():
    chain = Chain(5)
    real = chain.block

    def moving(block_hash, **named):
        found = real(block_hash, **named)
        if found.header.height == 3:
            chain.reorganise(4)
        return found

    chain.block = moving
    with pytest.raises(NodeUnavailable, match="moved"):
        CoinFollower(WALLET, chain, 0).view()


def test_a_balance_before_the_oldest_that_is_told_is_refused():
    chain = Chain(MAX_REWIND_BLOCKS + 2)
    follower = CoinFollower(WALLET, chain, 0)
    with pytest.raises(NodeUnavailable, match="too old"):
        next(follower.blocks_since(BlockRef("dogecoin-regtest", 1, "a1", "a0"), follower.view()))
    with pytest.raises(NodeUnavailable, match="not on the main chain"):
        list(follower.blocks_since(BlockRef("dogecoin-regtest", 289, "b289", ""), follower.view()))


@pytest.mark.parametrize(("born", "first"), [(0, 1), (1, 1), (2, 2), (7, 7), (99, 10)])
def test_a_node_that_cannot_scan_is_read_from_the_wallets_first_block(born, first):
    chain = Chain(9)
    view = CoinFollower(WALLET, chain, born).view()
    assert chain.read == list(range(first, 10))
    assert view.total_sat == sum(range(first, 10))


def test_a_node_that_scans_is_read_only_from_there():
    chain = Chain(9, scans=True)
    follower = CoinFollower(WALLET, chain, 0)
    assert (follower.view().total_sat, chain.read) == (0, [])
    chain.mine(2)
    assert (follower.view().total_sat, chain.read) == (10 + 11, [11, 10])
    assert follower.view().total_sat == 21
    assert len(chain.read) == 2


def test_after_a_reorganisation_or_a_long_gap_it_starts_again():
    chain = Chain(9, scans=True)
    follower = CoinFollower(WALLET, chain, 0)
    follower.view()
    chain.mine(3)
    assert follower.view().total_sat == 10 + 11 + 12
    chain.reorganise(2)
    assert follower.view().total_sat == 0
    chain.mine(MAX_FOLLOW_BLOCKS + 1)
    assert follower.view().total_sat == 0

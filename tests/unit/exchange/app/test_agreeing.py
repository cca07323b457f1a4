from dataclasses import dataclass

import pytest
from simulators.blocks import CHAIN, BentChain

from custody.primitives.errors import InvalidInput, NodesDisagree
from custody.wallets.addresses import AddressDesk
from exchange.app.agreeing import agreeing
from exchange.app.blueprint import ChainSpec
from exchange.app.chain_parts import ChainParts, Ingredients


@dataclass(frozen=True)
class Lane:
    reader: BentChain
    witnesses: tuple = ()


def part_over(chain):
    lane = Lane(chain)
    desk = AddressDesk(CHAIN.id, None, None, None)
    return ChainParts(CHAIN, None, "simulator", lane, chain, desk, None, None, None, None, None)


def built(first, second, second_url="https://user:key@rented.example/v3/secret"):
    spec = ChainSpec("sim", "simulator", "http://127.0.0.1:18443", "/one", second_url, "/two")
    asked = []

    def family(given):
        asked.append((given.chain.url, given.chain.cookie))
        return part_over(second)

    given = Ingredients(spec, None, None, {}, "sender", None, 0, None, None, None)
    made = agreeing(part_over(first), given, family)
    assert asked == [(second_url, "/two")]
    return made


def test_refuses_the_same_node_twice():
    with pytest.raises(InvalidInput):
        built(BentChain(), BentChain(), "http://127.0.0.1:18443")


def test_the_status_names_both_nodes_without_their_keys():
    assert built(BentChain(), BentChain()).sources == "2 sources agree: 127.0.0.1:18443, rented.example"


def test_the_second_node_is_a_witness_of_what_becomes_of_payments():
    first, second = BentChain(), BentChain()
    lane = built(first, second).lane
    assert (lane.reader, lane.witnesses) == (first, (second,))


def test_deposits_come_from_both():
    first, second = BentChain(), BentChain()
    made = built(first, second)
    assert made.source.tip() == first.tip()
    first.mine()
    second.forks = 1
    second.mine()
    with pytest.raises(NodesDisagree):
        made.source.tip()

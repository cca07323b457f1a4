from decimal import Decimal

import pytest

from custody.nodes.bitcoin import BitcoinNode
from custody.nodes.bitcoin_answers import satoshi
from custody.nodes.jsonrpc import Endpoint, NodeError
from custody.primitives.errors import NodeUnavailable


class Answers:
    """A simulator: answers every call with what it was given."""

    endpoint = Endpoint("sim", "http://127.0.0.1:1")

    def __init__(self, answer):
        self.answer = answer

    def call(self, method, *params):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def batch(self, calls):
        return [self.answer for _ in calls]


def node_error(code):
    return NodeError("no", rpc_code=code, rpc_message="no")


@pytest.mark.parametrize(
    "coins", [0.1, "0.1", True, None, Decimal("0.000000001"), Decimal(-1), Decimal("NaN"), Decimal("Infinity")]
)
def test_refuses_what_is_no_whole_number_of_satoshi(coins):
    with pytest.raises((ValueError, ArithmeticError)):
        satoshi(coins)


@pytest.mark.parametrize(("coins", "units"), [(Decimal("0.1"), 10_000_000), (Decimal("20999999.97690000"), 2_099_999_997_690_000),
                                              (1, 100_000_000), (Decimal("1E-8"), 1), (0, 0)])  # fmt: skip
def test_coins_become_satoshi_exactly(coins, units):
    assert satoshi(coins) == units


@pytest.mark.parametrize(
    ("ask", "answer"),
    [
        (lambda n: n.height(), "7"),
        (lambda n: n.height(), True),
        (lambda n: n.height(), None),
        (lambda n: n.best_hash(), 7),
        (lambda n: n.header("00"), {"height": 1}),
        (lambda n: n.block("00"), {"height": 1, "hash": "00", "confirmations": 1, "tx": [{}]}),
        (lambda n: n.scan(["raw(00)"], 0), {"success": True, "unspents": 3}),
        (lambda n: n.scan(["raw(00)"], 0), {"success": False, "unspents": []}),
        (lambda n: n.raw_txs(["00"]), "zz"),
        (lambda n: n.raw_txs(["00"]), 7),
        (lambda n: n.place("00"), "raw"),
        (lambda n: n.test_accept(b""), []),
        (lambda n: n.send(b""), None),
        (lambda n: n.fee_sat_per_kvb(3), {"feerate": Decimal("0.000000001")}),
        (lambda n: n.fee_sat_per_kvb(3), {"feerate": Decimal("1e999999")}),
        (lambda n: n.pool_floor_sat_per_kvb(), {}),
    ],
)
def test_an_answer_of_another_shape_is_an_absent_node(ask, answer):
    with pytest.raises(NodeUnavailable, match=r"unknown shape|broken off"):
        ask(BitcoinNode(Answers(answer)))


@pytest.mark.parametrize(
    ("ask", "code"),
    [(lambda n: n.block_hash(9), -8), (lambda n: n.header("00"), -5), (lambda n: n.place("00"), -5)],
)
def test_a_missing_thing_is_none_and_another_error_is_not(ask, code):
    assert ask(BitcoinNode(Answers(node_error(code)))) is None
    with pytest.raises(NodeError):
        ask(BitcoinNode(Answers(node_error(-1))))


def test_a_failed_part_of_a_batch_is_raised():
    with pytest.raises(NodeError):
        BitcoinNode(Answers(node_error(-5))).raw_txs(["00"])


def test_no_estimate_is_none():
    assert BitcoinNode(Answers({"errors": ["Insufficient data"], "blocks": 0})).fee_sat_per_kvb(3) is None

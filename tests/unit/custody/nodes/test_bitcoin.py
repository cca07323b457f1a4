from decimal import Decimal

import pytest

from custody.nodes import bitcoin
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


# Nodes of another age -----------------------------------------------------------------------


class Node:
    """A simulator: answers each method with a value, an error, or a function of its arguments."""

    endpoint = Endpoint("sim", "http://127.0.0.1:1")

    def __init__(self, **methods):
        self.methods = methods
        self.asked = []

    def call(self, method, *params):
        self.asked.append((method, *params))
        answer = self.methods.get(method, node_error(-32601))
        answer = answer(*params) if callable(answer) else answer
        if isinstance(answer, Exception):
            raise answer
        return answer

    def batch(self, calls):
        return [self.call(each.method, *each.params) for each in calls]


HEADER = {"height": 7, "hash": "07", "confirmations": 1}


def output(units):
    return {"value": Decimal(units).scaleb(-8), "scriptPubKey": {"hex": "51"}}


def test_a_node_without_a_scan_says_so_and_an_error_of_another_kind_is_one():
    assert BitcoinNode(Node()).scan(["raw(00)"], 0) is None
    with pytest.raises(NodeError):
        BitcoinNode(Node(scantxoutset=node_error(-8))).scan(["raw(00)"], 0)
    with pytest.raises(NodeError):
        BitcoinNode(Node(testmempoolaccept=node_error(-22))).test_accept(b"")


def test_a_scan_waits_until_the_node_has_answered_somebody_else(monkeypatch):
    busy = NodeError("busy", rpc_code=-8, rpc_message='Scan already in progress, use action "abort" or "status"')
    answers = [busy, busy, {"success": True, "height": 7, "bestblock": "07", "unspents": []}]

    def turn(*_):
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert BitcoinNode(Node(scantxoutset=turn)).scan(["raw(00)"], 0).height == 7
    monkeypatch.setattr(bitcoin, "SCAN_PATIENCE_S", 0)
    with pytest.raises(NodeUnavailable, match="somebody else"):
        BitcoinNode(Node(scantxoutset=busy)).scan(["raw(00)"], 0)


def test_a_scan_that_does_not_tell_newly_mined_coins_apart_is_completed():
    young, old = (
        {"txid": t, "vout": 0, "amount": 1, "scriptPubKey": "51", "height": h} for t, h in (("a", 990), ("b", 9))
    )
    scan = {"success": True, "height": 1_000, "bestblock": "07", "unspents": [young, old]}
    node = Node(scantxoutset=scan, gettxout=lambda txid, vout, pool: {"coinbase": txid == "a"})
    assert [found.coinbase for found in BitcoinNode(node).scan(["x"], 0).found] == [True, False]
    assert node.asked[1:] == [("gettxout", "a", 0, False)]
    gone = Node(scantxoutset={**scan, "unspents": [{k: v for k, v in young.items() if k != "coinbase"}]}, gettxout=None)
    assert BitcoinNode(gone).scan(["x"], 0).found[0].coinbase is True


def test_a_node_that_cannot_judge_beforehand_still_names_the_txid():
    assert BitcoinNode(Node(decoderawtransaction={"txid": "ab"})).test_accept(b"\x00") == ("ab", "")


def test_a_node_that_knows_only_yes_and_no_is_asked_for_the_transactions():
    txs = {"t1": {"txid": "t1", "vin": [{"coinbase": "00"}], "vout": [output(5)]}}
    blocks = {True: {**HEADER, "tx": ["t1"]}}
    node = Node(
        getblock=lambda block_hash, verbose: blocks[True] if verbose is True else node_error(-1),
        getrawtransaction=lambda txid, verbose: txs[txid],
    )
    reader = BitcoinNode(node)
    assert [tx.outputs[0].value_sat for tx in reader.block("07").txs] == [5]
    reader.block("07")
    assert [params for method, *params in node.asked if method == "getblock"] == [["07", 2], ["07", True], ["07", True]]
    blocks[True] = {**HEADER, "height": 0}
    blocks[True]["tx"] = ["genesis"]
    assert reader.block("00").txs == ()


def test_spent_outputs_that_a_block_leaves_out_come_from_the_transactions_before():
    spends = {"txid": "t2", "vin": [{"txid": "t0", "vout": 1}], "vout": [output(4)]}
    before = {"t0": {"txid": "t0", "vin": [], "vout": [output(1), output(9)]}}
    node = Node(getblock={**HEADER, "tx": [spends]}, getrawtransaction=lambda txid, verbose: before[txid])
    (tx,) = BitcoinNode(node).block("07", with_spent=True).txs
    assert tx.inputs[0].spent.value_sat == 9
    assert BitcoinNode(node).block("07").txs[0].inputs[0].spent is None
    before["t0"]["vout"].pop()
    with pytest.raises(NodeUnavailable):
        BitcoinNode(node).block("07", with_spent=True)


def test_old_words_for_fees_are_read():
    node = Node(estimatesmartfee={"feerate": -1}, getmempoolinfo={"mempoolminfee": 0}, getnetworkinfo={"relayfee": 1})
    assert BitcoinNode(node).fee_sat_per_kvb(3) is None
    assert BitcoinNode(node).pool_floor_sat_per_kvb() == 100_000_000

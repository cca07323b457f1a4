# A node that answers nonsense is a node that did not answer.
from types import SimpleNamespace

import pytest
from simulators.tron import ALICE, TRX, USDT, make_wallet

from custody.chains.tron.deposits import Watched, scan_block
from custody.chains.tron.finality import Proof, attempt_finality, outcome
from custody.chains.tron.node import TronNode
from custody.chains.tron.params import LOCAL, MAINNET
from custody.chains.tron.setup import TronAccountChanged, verify_wallet
from custody.primitives.chain import BlockRef, Finality
from custody.primitives.errors import InvalidInput, NodeUnavailable, WrongNetwork

GOOD = {
    "blockID": "0000000000000007" + "ab" * 24,
    "block_header": {"raw_data": {"number": 7, "timestamp": 5, "parentHash": "cd" * 32}},
}
REF = BlockRef(LOCAL.chain.id, 7, GOOD["blockID"], "cd" * 32)
TXID = "ef" * 32


def node(params=LOCAL, **answers):
    def ask(path, **_):
        return answers[path.rsplit("/", 1)[1]]

    return TronNode(SimpleNamespace(ask=ask), params)


def block_with(*transactions):
    return {**GOOD, "transactions": list(transactions)}


@pytest.mark.parametrize(
    "answer",
    [
        {},
        [],
        {"blockID": GOOD["blockID"]},
        {**GOOD, "blockID": "0000000000000008" + "ab" * 24},
        {**GOOD, "blockID": "07"},
        {**GOOD, "blockID": None},
        {**GOOD, "block_header": {"raw_data": {"number": "7", "parentHash": "cd" * 32}}},
        {**GOOD, "block_header": {"raw_data": {"number": 7, "timestamp": -1, "parentHash": "cd" * 32}}},
        {**GOOD, "transactions": [{}]},
        {**GOOD, "transactions": 5},
    ],
)
def test_blocks_of_another_shape_are_no_answer(answer):
    with pytest.raises(NodeUnavailable):
        node(getnowblock=answer).head()


def test_another_height_or_no_block_is_no_answer():
    with pytest.raises(NodeUnavailable, match="got 7"):
        node(getblockbynum=GOOD).block(8)
    with pytest.raises(NodeUnavailable, match="no block 8"):
        node(getblockbynum={}).block(8)


def test_a_node_of_another_network_is_refused():
    genesis = {"blockID": "00" * 32, "block_header": {"raw_data": {"parentHash": "00" * 32}}}
    node(getblockbynum=genesis).require_network()
    with pytest.raises(WrongNetwork):
        node(MAINNET, getblockbynum=genesis).require_network()


@pytest.mark.parametrize("answer", [{}, {"result": {"result": True}}, {"result": {}, "constant_result": ["00" * 32]}])
def test_a_token_that_tells_no_balance_is_no_answer(answer):
    with pytest.raises(NodeUnavailable):
        node(triggerconstantcontract=answer).balance(ALICE, USDT)


@pytest.mark.parametrize("balance", ["5", 5.0, -5, True, None])
def test_balances_are_whole_numbers(balance):
    with pytest.raises(NodeUnavailable):
        node(getaccount={"balance": balance}).balance(ALICE, TRX)
    assert node(getaccount={}).balance(ALICE, TRX) == 0


def test_a_past_balance_of_another_block_is_no_answer():
    place = {"hash": "00" * 32, "number": 7}
    with pytest.raises(NodeUnavailable):
        node(getaccountbalance={"balance": 5, "block_identifier": place}).balance_at(ALICE, REF)


def test_results_of_another_block_are_no_answer():
    shown = block_with({"txID": TXID})
    for entry in ({"id": "11" * 32, "blockNumber": 7}, {"id": TXID, "blockNumber": 8}):
        asked = node(getblockbynum=shown, gettransactioninfobyblocknum=[entry])
        with pytest.raises(NodeUnavailable, match="another block"):
            asked.infos(asked.block(7))


@pytest.mark.parametrize(
    "entry",
    [
        {"txID": TXID, "raw_data": {"contract": []}},
        {"txID": TXID, "ret": [{"contractRet": "SUCCESS"}]},
        {"txID": TXID, "ret": [{"contractRet": "SUCCESS"}], "raw_data": {"contract": [{"type": "TransferContract"}]}},
    ],
)
def test_transactions_of_another_shape_stop_the_scan(entry):
    with pytest.raises(NodeUnavailable, match="shape"):
        scan_block(node(getblockbynum=block_with(entry)), Watched({ALICE}, ()), REF)


def test_an_id_that_answers_for_another_is_not_believed():
    assert node(gettransactioninfobyid={"id": "11" * 32}).info(TXID, solid=True) is None
    assert not node(gettransactionfrompending={"txID": "11" * 32}).is_pending(TXID)


def test_a_conflict_key_of_another_attempt_is_refused():
    with pytest.raises(InvalidInput):
        attempt_finality([node()], Proof(ALICE), "11" * 32, f"tron:{'0' * 20}:5:{TXID}")


# A contract that reports success and no transfer out of our account: nobody knows what it did, so nothing is refunded.
def test_success_without_a_transfer_of_ours_is_unknown():
    assert outcome({"contract_address": "41", "receipt": {"result": "SUCCESS"}}, Proof(ALICE)) is Finality.UNKNOWN
    assert outcome({"receipt": {"result": "SUCCESS"}}, Proof(ALICE)) is Finality.UNKNOWN
    assert outcome({"contract_address": "41", "receipt": {"result": "OUT_OF_ENERGY"}}, Proof(ALICE)) is Finality.FAILED
    assert outcome({"result": "FAILED"}, Proof(ALICE)) is Finality.FAILED
    assert outcome({"receipt": {"net_fee": 5}}, Proof(ALICE)) is Finality.FINAL


@pytest.mark.parametrize("answer", [{"address": "4100"}, [], {"address": "x", "active_permission": 5}])
def test_an_account_of_another_shape_or_address_is_no_answer(answer):
    with pytest.raises((NodeUnavailable, TronAccountChanged)):
        verify_wallet(node(getaccount=answer), make_wallet())

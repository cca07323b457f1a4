import pytest
from simulators.solana import Key, ScriptedRpc

from custody.chains.solana.node import SolanaNode
from custody.nodes.jsonrpc import NodeError
from custody.primitives.errors import NodeUnavailable

ROW = {"lamports": 5, "owner": "1" * 32, "data": ["AAE=", "base64"], "executable": False}


def node(**answers):
    return SolanaNode(ScriptedRpc(**answers))


@pytest.mark.parametrize("answer", [None, "7", True, {}, [], -1.5])
def test_slot_refuses_what_is_no_whole_number(answer):
    with pytest.raises(NodeUnavailable):
        node(getSlot=answer).slot("confirmed")


@pytest.mark.parametrize("answer", [None, {}, {"value": None}, {"value": []}, {"value": [None, None]}, [None]])
def test_accounts_refuse_another_number_of_answers(answer):
    with pytest.raises(NodeUnavailable):
        node(getMultipleAccounts=answer).accounts([Key("a").text], "confirmed")


@pytest.mark.parametrize(
    "change",
    [{"lamports": "5"}, {"lamports": None}, {"data": "AAE="}, {"data": None}, {"data": ["??", "base64"]}, {"data": []}],
)
def test_accounts_refuse_account_of_another_shape(change):
    with pytest.raises(NodeUnavailable):
        node(getMultipleAccounts={"value": [ROW | change]}).accounts([Key("a").text], "confirmed")


@pytest.mark.parametrize(
    "answer", [{"value": None}, {"value": []}, {"value": [None, None]}, {"value": [{"slot": "1"}]}, 5]
)
def test_status_refuses_other_shapes(answer):
    with pytest.raises(NodeUnavailable):
        node(getSignatureStatuses=answer).status("T")


def test_status_without_an_outcome_is_not_a_success():
    row = {"slot": 1, "confirmationStatus": "finalized"}
    with pytest.raises(NodeUnavailable, match="without outcome"):
        node(getSignatureStatuses={"value": [row]}).status("T")


@pytest.mark.parametrize("answer", [None, {}, [None], [{"signature": "T"}], [{"signature": "T", "slot": 1}]])
def test_history_refuses_other_shapes(answer):
    with pytest.raises(NodeUnavailable):
        node(getSignaturesForAddress=answer).history("A")


@pytest.mark.parametrize("answer", [None, {"value": None}, {"value": {}}, {"value": {"blockhash": 5}}])
def test_blockhash_refuses_other_shapes(answer):
    with pytest.raises(NodeUnavailable):
        node(getLatestBlockhash=answer).latest_blockhash()


def test_block_refuses_no_block_and_unknown_errors():
    with pytest.raises(NodeUnavailable, match="no block yet"):
        node(getBlock=None).block(5, "none")
    with pytest.raises(NodeError):
        node(getBlock=NodeError("x", rpc_code=-32004, rpc_message="Block not available")).block(5, "none")


@pytest.mark.parametrize("answer", [None, [], "1"])
def test_last_block_refuses_no_answer(answer):
    with pytest.raises(NodeUnavailable):
        node(getBlocks=answer).last_block_slot(0, 5)


@pytest.mark.parametrize("code", [-32007, -32009])
def test_skipped_slot_is_no_block(code):
    assert node(getBlock=NodeError("x", rpc_code=code, rpc_message="skipped")).block(5, "none") is None


def test_accounts_are_asked_in_batches_of_a_hundred():
    rpc = ScriptedRpc(getMultipleAccounts=lambda part, _: {"value": [None if n == "0" else ROW for n in part]})
    found = SolanaNode(rpc).accounts([str(n) for n in range(250)], "finalized")
    assert [len(call[1]) for call in rpc.calls] == [100, 100, 50]
    assert found[0] is None
    assert (found[1].lamports, found[1].content) == (5, b"\0\1")

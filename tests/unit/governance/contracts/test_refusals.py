from json import JSONDecodeError

import pytest
from eth_abi.exceptions import InsufficientDataBytes
from web3.exceptions import BlockNotFound, ContractCustomError, ContractLogicError, Web3RPCError

from custody.primitives.errors import NodeUnavailable
from governance.contracts.refusals import CallReverted, explain, node_answers

NOT_IN_STATE = "0xe9ce4333" + f"{7:064x}" + f"{1:064x}"


@pytest.mark.parametrize(
    "foreign",
    [
        OSError("refused"),
        BlockNotFound("no block"),
        Web3RPCError("limit"),
        JSONDecodeError("no json", "<html>", 0),
        InsufficientDataBytes("short"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_silent_or_senseless_node_is_unavailable(foreign):
    with pytest.raises(NodeUnavailable) as raised, node_answers("stateOf"):
        raise foreign
    assert raised.value.facts == {"call": "stateOf"}
    assert raised.value.__cause__ is foreign


def test_a_bug_of_ours_is_not_a_fault_of_the_node():
    with pytest.raises(KeyError), node_answers("stateOf"):
        raise KeyError("bug")


def test_a_custom_error_is_named_with_its_values():
    with pytest.raises(CallReverted) as raised, node_answers("finalize"):
        raise ContractCustomError(NOT_IN_STATE, data=NOT_IN_STATE)
    assert raised.value.message == "finalize: NotInState(id=7, current=1)"
    assert raised.value.facts["error"] == "NotInState"


@pytest.mark.parametrize("data", [None, "", "0x", "0xzz", "0x12345678", "no revert data", {"a": "b"}])
def test_what_is_not_ours_keeps_its_own_words(data):
    assert explain(ContractLogicError("execution reverted: paused", data=data)) == ("", "execution reverted: paused")


def test_cut_off_values_are_said_to_be_unreadable():
    assert explain(ContractCustomError("x", data=NOT_IN_STATE[:-2])) == ("NotInState", "NotInState(unreadable values)")

import json
from dataclasses import replace

import pytest

from contracts import load_artifact
from custody.primitives.errors import InvalidInput, NotFound, WrongNetwork
from governance.contracts.deployment import (
    CodeMismatch,
    Deployment,
    deploy,
    load_deployment,
    save_deployment,
    verify_code,
)
from governance.contracts.sending import CallReverted, connect

MEXT = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
RECORD = Deployment(31337, 5, {"MEXT": MEXT})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        json.dumps({"chain_id": 1, "block": 1}),
        json.dumps({"chain_id": "1", "block": 1, "addresses": {}}),
        json.dumps({"chain_id": True, "block": 1, "addresses": {}}),
        json.dumps({"chain_id": 1, "block": 1.5, "addresses": {}}),
        json.dumps({"chain_id": 1, "block": 1, "addresses": [MEXT]}),
        json.dumps({"chain_id": 1, "block": 1, "addresses": {"MEXT": MEXT.lower()}}),
        json.dumps({"chain_id": 1, "block": 1, "addresses": {"MEXT": 5}}),
        json.dumps({"chain_id": 1, "block": 1, "addresses": {"MEXT": MEXT}, "more": 1}),
    ],
)
def test_refuses_a_damaged_record(tmp_path, text):
    path = tmp_path / "deployment.json"
    path.write_text(text)
    with pytest.raises(InvalidInput):
        load_deployment(path)


def test_refuses_a_record_that_is_not_there(tmp_path):
    with pytest.raises(NotFound):
        load_deployment(tmp_path / "none.json")


def test_refuses_a_contract_outside_the_record():
    with pytest.raises(NotFound):
        RECORD.address("ListingVote")


def test_a_record_is_read_as_it_was_written(tmp_path):
    path = tmp_path / "deployment.json"
    path.write_text("an older one")
    save_deployment(path, RECORD)
    assert load_deployment(path) == RECORD
    assert [found.name for found in tmp_path.iterdir()] == ["deployment.json"]


@pytest.mark.node
def test_refuses_a_node_of_another_chain(house):
    with pytest.raises(WrongNetwork):
        connect(house.anvil.url, 1)


@pytest.mark.node
def test_refuses_code_that_is_not_the_artifact(house):
    with pytest.raises(CodeMismatch):
        verify_code(house.web3, "ListingVote", house.deployment.address("MEXT"))
    with pytest.raises(CodeMismatch):
        verify_code(house.web3, "MEXT", house.people["alice"].address)


@pytest.mark.node
def test_refuses_code_with_one_byte_changed(house):
    address = house.deployment.address("ListingVote")
    code = bytearray(house.web3.eth.get_code(address))
    code[100] ^= 1
    house.anvil.rpc.call("anvil_setCode", address, "0x" + code.hex())
    with pytest.raises(CodeMismatch):
        verify_code(house.web3, "ListingVote", address)


@pytest.mark.node
@pytest.mark.parametrize("screeners", [("alice",), ("alice", "alice")], ids=["one", "twice the same"])
def test_a_refused_constructor_leaves_no_record(house, screeners):
    holders = replace(house.holders, screeners=tuple(house.people[name].address for name in screeners))
    with pytest.raises(CallReverted):
        deploy(house.deployer, holders, {})


@pytest.mark.node
def test_every_contract_stands_where_the_record_says(house):
    for name in ("EmptyVault", "MEXT", "ListingVote", "ReserveRegistry"):
        verify_code(house.web3, name, house.deployment.address(name))
    assert house.raw("MEXT").functions.vault().call() == house.deployment.address("EmptyVault")
    assert load_artifact("ListingVote").immutables

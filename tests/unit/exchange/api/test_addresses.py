# An address is only shown to somebody the books can credit: a deposit that nobody can be credited with would
# stop the scanner of its chain, and with it everybody's deposits.
from dataclasses import replace

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from custody.primitives.address import Address
from custody.primitives.chain import ChainId
from custody.wallets.addresses import AddressDesk
from exchange.api import faults
from exchange.api.private import private_router

SIM = ChainId("simchain")


@pytest.fixture
def client(rooms):
    desk = AddressDesk(
        SIM, lambda index: Address(SIM, f"sim1place{index}"), lambda index, address: None, rooms.deposits
    )
    app = FastAPI()
    faults.install(app)
    app.include_router(private_router(replace(rooms, address_desks={SIM: desk})))
    return TestClient(app, raise_server_exceptions=False)


@pytest.mark.parametrize("customer", ["%20", "-ada", "a%20b", "%C3%A4", "a" * 129, "house:fees", "treasury"])
def test_nobody_without_an_account_gets_an_address(client, rooms, auth, customer):
    answer = client.post(f"/v1/customers/{customer}/addresses/simchain", headers=auth)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_customer")
    assert rooms.deposits.watched(SIM) == {}


def test_an_unknown_chain_leaves_no_account_behind(client, world, auth):
    before = world.seq
    answer = client.post("/v1/customers/carol/addresses/dogecoin", headers=auth)
    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_chain")
    assert world.seq == before


def test_whoever_gets_an_address_has_an_account_and_keeps_both(client, world, auth):
    answers = [client.post("/v1/customers/carol/addresses/simchain", headers=auth).json() for _ in range(2)]
    assert answers == [{"chain": "simchain", "address": "sim1place0"}] * 2
    assert world.core.directory.find("carol") is not None

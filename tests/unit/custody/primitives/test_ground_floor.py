import copy
import json
import pickle
from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.asset import Asset, AssetBook
from custody.primitives.chain import Chain, ChainId, Family
from custody.primitives.encoding import canonical_json, digest, encode
from custody.primitives.errors import (
    AssetMismatch,
    IllegalMove,
    InvalidAddress,
    InvalidAmount,
    InvalidInput,
    InvariantBroken,
    LimitExceeded,
    UnknownAsset,
)
from custody.primitives.ids import WithdrawalId
from custody.primitives.intent import TransferIntent, intent_hash
from custody.primitives.invariant import invariant
from custody.primitives.lifecycle import Lifecycle
from custody.primitives.secret import Secret

BITCOIN = ChainId("bitcoin")
BTC = Asset("BTC", 8, BITCOIN)
ETH = Asset("ETH", 18, ChainId("ethereum"))


def an_intent(**changes):
    fields = {
        "withdrawal_id": WithdrawalId("w1"),
        "to": Address(BITCOIN, "bc1qexample"),
        "amount": Amount(1000, BTC),
        "fee_max": Amount(500, BTC),
        "memo": "",
        "policy_version": 1,
        "salt": "00" * 16,
        "expires_at_s": 1_800_000_000,
    }
    return TransferIntent(**{**fields, **changes})


@pytest.mark.parametrize("symbol", ["btc", "", "B TC", "BTC-2", "ВТС"])
def test_asset_refuses_odd_symbols(symbol):
    with pytest.raises(InvalidInput):
        Asset(symbol, 8, BITCOIN)


@pytest.mark.parametrize("decimals", [-1, 37])
def test_asset_refuses_odd_decimals(decimals):
    with pytest.raises(InvalidInput):
        Asset("BTC", decimals, BITCOIN)


def test_unknown_asset_names_the_known_ones():
    with pytest.raises(UnknownAsset, match=r"unknown asset 'XMR'; known: BTC, ETH"):
        AssetBook([ETH, BTC]).get("XMR")


def test_chain_refuses_to_credit_at_zero_confirmations():
    for credit, final in ((0, 1), (3, 2)):
        with pytest.raises(InvalidInput):
            Chain(BITCOIN, Family.UTXO, "mainnet", "bip122:x", credit, final)


@pytest.mark.parametrize("text", ["", "a" * 129, "bc1\n", "адрес"])
def test_address_refuses_text_that_cannot_be_one(text):
    with pytest.raises(InvalidAddress):
        Address(BITCOIN, text)


@pytest.mark.parametrize("field", [1.5, None, True, ["a"]])
def test_encoding_refuses_other_types(field):
    with pytest.raises(InvalidInput):
        encode("tag", field)


@given(st.lists(st.text(max_size=8), max_size=4), st.lists(st.text(max_size=8), max_size=4))
def test_encoding_is_injective(left, right):
    assert (encode("t", *left) == encode("t", *right)) == (left == right)


def test_encoding_separates_domains():
    assert digest("a", "x") != digest("b", "x")
    assert digest("a", "bc") != digest("ab", "c")


@pytest.mark.parametrize("value", [1.5, {"k": 2**53}, {"ключ": 1}, {1: 2}, {"k": b"x"}, [object()]])
def test_canonical_json_refuses_what_has_no_single_form(value):
    with pytest.raises(InvalidInput):
        canonical_json(value)


def test_canonical_json_sorts_and_keeps_text():
    value = {"b": [1, True, None], "a": "é"}
    assert canonical_json(value) == '{"a":"é","b":[1,true,null]}'.encode()
    assert json.loads(canonical_json(value)) == value


def test_secret_never_shows_itself():
    secret = Secret(b"hunter2")
    for shown in (repr(secret), str(secret), f"{secret}", f"{secret!r:>20}"):
        assert "hunter2" not in shown
    for copier in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            copier(secret)
    with pytest.raises(TypeError):
        hash(secret)
    assert secret == Secret(b"hunter2")
    assert secret != Secret(b"hunter3")


class Light(StrEnum):
    RED = "red"
    GREEN = "green"
    OFF = "off"


class Switch(StrEnum):
    GO = "go"
    KILL = "kill"


def test_lifecycle_allows_only_the_table():
    table = {(Light.RED, Switch.GO): Light.GREEN, (Light.GREEN, Switch.KILL): Light.OFF}
    light = Lifecycle("light", table)
    for state in Light:
        for event in Switch:
            if (state, event) in table:
                assert light.next(state, event) is table[state, event]
                assert light.allows(state, event)
            else:
                with pytest.raises(IllegalMove, match=rf"light: '{event}' is not possible in state '{state}'"):
                    light.next(state, event)
    assert [s for s in Light if light.is_terminal(s)] == [Light.OFF]
    with pytest.raises(TypeError):
        light.moves[(Light.OFF, Switch.GO)] = Light.RED


def test_invariant_stops_under_every_optimisation():
    with pytest.raises(InvariantBroken, match="debits equal credits") as caught:
        invariant(False, "debits equal credits", debits=1, credits=2)
    assert caught.value.facts == {"debits": 1, "credits": 2}
    invariant(True, "fine")


def test_errors_carry_code_and_facts():
    error = LimitExceeded("asked 5, limit 3", asked=5, limit=3)
    assert (error.code, error.transient, str(error)) == ("limit_exceeded", False, "asked 5, limit 3")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"amount": Amount(0, BTC)}, InvalidAmount),
        ({"amount": Amount(-5, BTC)}, InvalidAmount),
        ({"amount": Amount(5, ETH)}, AssetMismatch),
        ({"fee_max": Amount(5, ETH)}, AssetMismatch),
        ({"fee_max": Amount(5, Asset("TOK", 8, BITCOIN, "abc"))}, AssetMismatch),
        ({"fee_max": Amount(-1, BTC)}, InvalidInput),
        ({"memo": "x" * 257}, InvalidInput),
        ({"withdrawal_id": WithdrawalId("")}, InvalidInput),
        ({"policy_version": 0}, InvalidInput),
        ({"expires_at_s": 0}, InvalidInput),
    ],
)
def test_intent_refuses_what_cannot_be_asked(changes, error):
    with pytest.raises(error):
        an_intent(**changes)


# C04: whatever changes, the hash changes, so no approval carries over.
@pytest.mark.parametrize(
    "changes",
    [
        {"to": Address(BITCOIN, "bc1qother")},
        {"amount": Amount(1001, BTC)},
        {"fee_max": Amount(501, BTC)},
        {"memo": "1"},
        {"withdrawal_id": WithdrawalId("w2")},
        {"policy_version": 2},
        {"salt": "01" * 16},
        {"expires_at_s": 1_800_000_001},
    ],
)
def test_c04_every_field_changes_the_intent_hash(changes):
    assert intent_hash(an_intent(**changes)) != intent_hash(an_intent())


def test_same_text_on_another_network_is_another_intent():
    other = ChainId("bitcoin-regtest")
    asset = Asset("BTC", 8, other)
    moved = an_intent(to=Address(other, "bc1qexample"), amount=Amount(1000, asset), fee_max=Amount(500, asset))
    assert intent_hash(moved) != intent_hash(an_intent())

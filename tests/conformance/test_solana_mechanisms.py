# The blueprint's mechanism chooses how SOL is held; the parts of a FROST installation work on the VM.
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import pytest
from simulators.frost import NATIVE, FrostHouse
from simulators.solana import SOL, House, Key, make_mint, mint_to

from custody.chains.port import SignedTx
from custody.chains.solana.codec import SplCodec
from custody.chains.solana.frost_codec import FrostCodec
from custody.chains.solana.params import LOCAL
from custody.devnet.solana_vm import SolanaVm
from custody.primitives.asset import AssetBook
from custody.primitives.errors import LimitExceeded, NodeUnavailable, VerificationFailed
from custody.primitives.ids import CustomerId, TxId
from custody.signers.client import RemoteSigner
from custody.store.database import open_database
from custody.store.deposits import SqlDepositStore
from exchange.app.blueprint import ChainSpec, InvalidBlueprint, MemberSpec, WalletSpec
from exchange.app.chain_parts import Ingredients
from exchange.app.groundwork import openings
from exchange.app.solana import solana_parts
from exchange.app.solana_groundwork import SOLANA_DEPOSITS, lay_solana_groundwork
from exchange.app.wallets import spl_wallet

pytestmark = pytest.mark.node
NAMES = ("signer-a", "signer-b", "signer-c")
WAIT_S = 300


def members_of(wallet):
    return tuple(MemberSpec(n, m.path, m.key.raw.hex()) for n, m in zip(NAMES, wallet.members, strict=True))


def frost_spec(house):
    wallet = house.wallet
    service = {
        "mechanism": "frost",
        "group": wallet.group.raw.hex(),
        "opener": OPENER.public.raw.hex(),
        "opener_path": OPENER.entry.path,
    }
    return WalletSpec("hot-sol", "hot", LOCAL.chain.id, 2, members_of(wallet), service)


def wrapped_spec(tier):
    house = House(tier)
    service = {
        "fee_payer": house.fee_payer.public.raw.hex(),
        "fee_payer_path": house.fee_payer.entry.path,
        "opener": OPENER.public.raw.hex(),
        "opener_path": OPENER.entry.path,
    }
    return WalletSpec(f"{tier}-sol", tier, LOCAL.chain.id, 2, members_of(house.wallet), service)


OPENER = Key("opener of all")


@pytest.fixture(scope="module")
def vm():
    with TemporaryDirectory() as folder, SolanaVm.start(Path(folder), slot_ms=10) as running:
        yield running


@pytest.fixture(scope="module")
def specs(vm, tmp_path_factory):
    made = {
        "frost": frost_spec(FrostHouse("hot-sol", tmp_path_factory.mktemp("frost"))),
        "wrapped": wrapped_spec("hot"),
        "cold": wrapped_spec("cold"),
    }
    lay_solana_groundwork(vm, [made["frost"], made["cold"]], OPENER.secret)
    lay_solana_groundwork(vm, [replace(made["wrapped"], id="hot-wrapped")], OPENER.secret)
    return {**made, "wrapped": replace(made["wrapped"], id="hot-wrapped")}


def ingredients(vm, specs, hot):
    deposits = SqlDepositStore(open_database("sqlite://"), AssetBook([NATIVE]))
    signers = {name: RemoteSigner(name, Path("/nowhere")) for name in (*NAMES, "sender")}
    chain = ChainSpec(LOCAL.chain.id, "VM", vm.url)
    return Ingredients(chain, hot, specs["cold"], signers, "sender", deposits, SOLANA_DEPOSITS, Path(), None, None)


def wait_for(look, expected):
    until = time.monotonic() + WAIT_S
    while (found := look()) != expected and time.monotonic() < until:
        time.sleep(0.05)
    assert found == expected


def test_unknown_mechanism_is_refused(vm, specs):
    strange = replace(specs["frost"], service={**specs["frost"].service, "mechanism": "squads"})
    with pytest.raises(InvalidBlueprint, match="squads"):
        solana_parts(ingredients(vm, specs, strange))


def test_frost_wallet_that_was_not_opened_is_refused(vm, specs, tmp_path):
    other = frost_spec(FrostHouse("another", tmp_path))
    with pytest.raises(VerificationFailed, match="not a nonce"):
        solana_parts(ingredients(vm, specs, replace(other, id="hot-other")))


def test_deposit_addresses_end_where_opening_ended(vm, specs):
    given = replace(ingredients(vm, specs, specs["frost"]), deposit_limit=1)
    desk = solana_parts(given).desk
    first = desk.address_for(CustomerId("ada"))
    assert desk.address_for(CustomerId("ada")) == first
    with pytest.raises(LimitExceeded):
        desk.address_for(CustomerId("bob"))


def test_wrapped_is_the_default(vm, specs):
    parts = solana_parts(ingredients(vm, specs, specs["wrapped"]))
    assert isinstance(parts.lane.codec, SplCodec)
    assert parts.lane.senders


def test_a_token_has_tiers_places_and_a_proof_of_its_own(vm, tmp_path_factory):
    usdc, authority = make_mint(vm, "usdc of the parts")
    listed = {"tokens": f"USDC:6:{usdc.contract}"}
    hot, cold = (
        replace(each, id=f"{each.tier}-with-tokens", service=each.service | listed)
        for each in (wrapped_spec("hot"), wrapped_spec("cold"))
    )
    lay_solana_groundwork(vm, [hot, cold], OPENER.secret)
    given = ingredients(vm, {"cold": cold}, hot)
    parts = solana_parts(given)
    (tier,) = parts.tokens
    assert tier.asset == usdc
    ada = parts.desk.address_for(CustomerId("ada"))
    place = parts.token_places(0)["USDC"]
    assert place not in (ada, tier.hot_address)
    mint_to(vm, usdc, authority, place.text, 70)
    mint_to(vm, usdc, authority, spl_wallet(cold).vault(usdc), 5)
    wait_for(lambda: (tier.hot().units, tier.cold().units), (70, 5))

    def shown():
        try:
            found = parts.reserves.holdings(parts.reserves.final_block())
        except NodeUnavailable:
            return None
        return {each.address: each.base_units for each in found if each.asset_id == token_id and each.base_units}

    token_id = f"{LOCAL.chain.caip2}/token:{usdc.contract}"
    wait_for(shown, {place.text: 70, spl_wallet(cold).vault(usdc): 5})


def test_a_groups_native_address_that_lists_tokens_is_refused(vm, specs):
    strange = replace(specs["frost"], service={**specs["frost"].service, "tokens": "USDC:6:" + "9" * 43})
    with pytest.raises(InvalidBlueprint, match="no tokens"):
        solana_parts(ingredients(vm, specs, strange))


def test_frost_installation_receives_and_counts_what_it_holds(vm, specs):
    given = ingredients(vm, specs, specs["frost"])
    parts = solana_parts(given)
    assert isinstance(parts.lane.codec, FrostCodec)
    assert parts.lane.senders == ()
    assert parts.lane.fixes_signers
    before = openings(SimpleNamespace(solana=vm), [specs["cold"], specs["frost"]])[
        LOCAL.chain.id
    ].units  # what nobody deposited
    wait_for(lambda: parts.hot_balance().units, before)
    fee = parts.lane.codec.fee()
    assert parts.fee_paid(SignedTx(TxId("x"), b"", "key", fee)) == fee  # the address pays, so the books must
    address = parts.desk.address_for(CustomerId("ada"))
    vm.fund(address.text, 2 * SOL)
    vm.fund(parts.hot_address.text, 3 * SOL)
    wait_for(lambda: parts.hot_balance().units, before + 5 * SOL)
    wait_for(lambda: proven(parts), before + 5 * SOL)
    hot, cold = parts.reserves.owned(parts.reserves.final_block())
    assert (hot.address, hot.tier, cold.tier) == (parts.hot_address.text, "hot", "cold")
    quorum = parts.reserves.quorums(parts.reserves.final_block())[0]
    assert (quorum.address, quorum.keys, quorum.threshold) == (hot.address, (hot.address,), 1)
    assert parts.cold_balance().units == 0


def proven(parts):
    # What statements count at the newest final block; None while something is on its way.
    try:
        found = parts.reserves.holdings(parts.reserves.final_block())
    except NodeUnavailable:
        return None
    return sum(each.base_units for each in found if parts.hot_address.text in (each.controller, each.address))

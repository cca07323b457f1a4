"""Tokens of three families through the running service: SPL on the VM, TRC-20 on the simulator, ERC-20 on the node."""

from dataclasses import dataclass

import pytest
from simulators.anvil import dev_token_code
from simulators.installation import LiveInstallation
from simulators.solana import make_mint, mint_to, send
from simulators.tron import give_tokens

from custody.chains.evm.abi import transfer_call
from custody.chains.solana.accounts import parse_token_account
from custody.chains.solana.derivation import associated_token_account
from custody.chains.solana.instructions import create_associated
from custody.chains.solana.node import SolanaNode
from custody.chains.token_worth import TokenWorth
from custody.chains.tron.node import TronNode
from custody.chains.tron.params import LOCAL as TRON
from custody.primitives.amount import Amount
from custody.primitives.asset import Asset
from custody.primitives.chain import ChainId
from exchange.app.local_tokens import LocalToken
from exchange.app.wallets import spl_wallet
from exchange.cli.loop.outside import fresh_place

pytestmark = [pytest.mark.node, pytest.mark.slow]

ETHEREUM, SOLANA, TRON_LOCAL = ChainId("ethereum-local"), ChainId("solana-local"), ChainId("tron-local")
DEPOSITED, PAID = "500", "120.25"


@dataclass
class Issued:
    """The tokens of the test, and a look-alike of each that nobody listed."""

    tokens: dict
    fakes: dict
    authorities: dict


def issue(chains):
    """Put the tokens on the chains."""

    def erc20():
        return Asset("EURX", 18, ETHEREUM, chains.ethereum.create(dev_token_code("Euro of the tests", "EURX", 10**24)))

    def trc20():
        return Asset("USDT", 6, TRON_LOCAL, chains.tron.create_token("USDT"))

    mints = [make_mint(chains.solana, name, "USDC") for name in ("usdc", "look-alike")]
    assets = {"EURX": erc20(), "USDT": trc20(), "USDC": mints[0][0]}
    fakes = {"EURX": erc20(), "USDT": trc20(), "USDC": mints[1][0]}
    rows = {
        "EURX": LocalToken(assets["EURX"], 9, 10, 10**21, 10**22, TokenWorth(1, 1)),
        "USDT": LocalToken(assets["USDT"], 10, 0, 10**9, 10**10, TokenWorth(10**6, 4 * 10**6)),
        "USDC": LocalToken(assets["USDC"], 11, 0, 10**9, 10**10),
    }
    return Issued(rows, fakes, {asset.contract: authority for asset, authority in mints})


@pytest.fixture(scope="module")
def issued():
    return {}


@pytest.fixture(scope="module")
def live(tmp_path_factory, issued):
    folder = tmp_path_factory.mktemp("tokens") / "home"
    folder.parent.chmod(0o700)

    def tokens(chains):
        issued["all"] = issue(chains)
        return tuple(issued["all"].tokens.values())

    with LiveInstallation(folder) as installation:
        installation.provision({ETHEREUM, SOLANA, TRON_LOCAL}, tokens=tokens)
        # The house pays what the chains take.
        installation.fund({("house", "ETH"): "1", ("house", "TRX"): "300"})
        yield installation


def pay_in(live, issued, asset, place, units):
    """A stranger pays a token to a place; id of the transaction."""
    if asset.chain == ETHEREUM:
        return live.chains.ethereum.send(asset.contract, transfer_call(place, units))
    if asset.chain == TRON_LOCAL:
        return give_tokens(live.chains.tron, asset.contract, place, units)
    return mint_to(live.chains.solana, asset, issued.authorities[asset.contract], place, units)


def holds(live, asset, place):
    """Base units that an address outside the books holds, asked from the chain itself."""
    if asset.chain == ETHEREUM:
        return live.chains.ethereum.node.balance(place, asset)
    if asset.chain == TRON_LOCAL:
        return TronNode(live.chains.tron.http, TRON).balance(place, asset)
    account = associated_token_account(place, asset.contract)
    token = parse_token_account(SolanaNode(live.chains.solana.rpc).accounts([account], "confirmed")[0])
    return token.units if token else 0


def account_in_our_name(live, issued):
    """A token account of the hot wallet's multisig for the look-alike, which its forger may open."""
    mint = issued.fakes["USDC"].contract
    forger = issued.authorities[mint]
    (spec,) = [spec for spec in live.ceremony.wallets if spec.id == "hot-sol"]
    owner = spl_wallet(spec).multisig
    account = associated_token_account(owner, mint)
    send(live.chains.solana, forger, [create_associated(forger.text, account, owner, mint)])
    live.chains.solana.mine(1)
    return account


def available(live, symbol):
    return live.balance("uma", symbol).available


def test_tokens_are_credited_swept_and_paid_out_and_their_look_alikes_are_not(live, issued):
    issued = issued["all"]
    assets = {symbol: token.asset for symbol, token in issued.tokens.items()}
    places = {}
    for symbol, asset in assets.items():
        shown = live.post(f"/v1/customers/uma/addresses/{asset.chain}")
        places[symbol] = shown["tokens"][symbol]
        assert (places[symbol] == shown["address"]) is (asset.chain != SOLANA)
    deposited = {symbol: Amount.parse(DEPOSITED, asset).units for symbol, asset in assets.items()}

    # The same symbol, another contract, to the very same address.
    for symbol in ("EURX", "USDT"):
        pay_in(live, issued, issued.fakes[symbol], places[symbol], deposited[symbol])
    # On Solana, into an account that a stranger opened in our name.
    pay_in(live, issued, issued.fakes["USDC"], account_in_our_name(live, issued), deposited["USDC"])
    txids = {symbol: pay_in(live, issued, assets[symbol], places[symbol], deposited[symbol]) for symbol in assets}

    def all_final():
        rows = {row["txid"]: row["state"] for row in live.get("/v1/deposits?customer=uma")}
        return rows if {rows.get(txid) for txid in txids.values()} == {"final"} else None

    assert set(live.wait("tokens final", all_final)) == set(txids.values())
    assert {symbol: available(live, symbol) for symbol in assets} == deposited
    for symbol in ("EURX", "USDT"):  # on Solana the wallet itself owns the account
        swept = assets[symbol], places[symbol]
        live.wait(f"{symbol} swept", lambda swept=swept: True if holds(live, *swept) == 0 else None)
        assert holds(live, issued.fakes[symbol], places[symbol]) == deposited[symbol]

    paid = {}
    for symbol, asset in assets.items():
        place = fresh_place(asset.chain)
        body = {"customer": "uma", "asset": symbol, "to": place, "amount": PAID}
        paid[symbol] = live.post("/v1/withdrawals", body, f"tokens-{symbol}")["id"], place
        live.wait_state(paid[symbol][0], "awaiting_approval")
        live.approve(paid[symbol][0])
    for symbol, (withdrawal, place) in paid.items():
        live.wait_state(withdrawal, "settled")
        gone = Amount.parse(PAID, assets[symbol]).units
        assert holds(live, assets[symbol], place) == gone
        assert available(live, symbol) == deposited[symbol] - gone

    # To the last base unit: tokens, and the coins that paid for moving them.
    for symbol in (*assets, "ETH", "TRX", "SOL"):
        difference = lambda symbol=symbol: live.get(f"/v1/holdings/{symbol}")["difference"]["units"]  # noqa: E731
        live.wait(f"{symbol} books equal chain", lambda difference=difference: True if difference() == "0" else None)
    assert live.get("/v1/status")["problems"] == {}

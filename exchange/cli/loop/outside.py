"""The world outside the house: fresh addresses of strangers, and what the chains themselves say these hold.

Nothing here asks the service: what arrived is read from the node, the VM or the simulator.

Example:
    place = fresh_place("bitcoin-regtest")
    received(chains, "bitcoin-regtest", place)
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from embit import bip32, script
from embit.networks import NETWORKS
from eth_account import Account
from solders.keypair import Keypair
from xrpl.constants import CryptoAlgorithm
from xrpl.wallet import Wallet

from custody.chains.tron.address import address_text
from custody.chains.tron.node import TronNode
from custody.chains.tron.params import LOCAL as TRON_LOCAL
from custody.chains.utxo.params import DOGECOIN_REGTEST
from custody.chains.xrpl.node import XrplNode
from custody.devnet.network import LocalChains
from custody.nodes.jsonrpc import JsonRpc, NodeError
from custody.primitives.amount import Amount
from custody.primitives.errors import NotFound

COIN_SAT = 10**8
POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Stranger:
    """How somebody outside lives on one chain: makes an address, and sees what it holds in base units."""

    fresh: Callable[[], str]
    holds: Callable[[LocalChains, str, str], int]


def _bitcoin_place() -> str:
    root = bip32.HDKey.from_seed(Account.create().key)
    return str(script.p2wpkh(root.derive("m/84h/1h/0h/0/0")).address(NETWORKS["regtest"]))


def _litecoin_place() -> str:
    root = bip32.HDKey.from_seed(Account.create().key)
    return str(script.p2wpkh(root.derive("m/84h/1h/0h/0/0")).address({**NETWORKS["regtest"], "bech32": "rltc"}))


def _dogecoin_place() -> str:
    network = {**NETWORKS["regtest"], "p2pkh": bytes([DOGECOIN_REGTEST.p2pkh])}
    root = bip32.HDKey.from_seed(Account.create().key)
    return str(script.p2pkh(root.derive("m/44h/1h/0h/0/0")).address(network))


def _tron_place() -> str:
    return address_text(bytes.fromhex(Account.create().address[2:]))


def _xrpl_place() -> str:
    return str(Wallet.create(CryptoAlgorithm.SECP256K1).address)


def _evm_place() -> str:
    return str(Account.create().address)


def _solana_place() -> str:
    return str(Keypair().pubkey())


def scan_coins(rpc: JsonRpc, place: str) -> dict[str, Any]:
    """Unspent outputs of an address; a node scans for one at a time, and the service scans too when it starts."""
    while True:
        try:
            found: dict[str, Any] = rpc.call("scantxoutset", "start", [f"addr({place})"])
        except NodeError as error:
            if "already in progress" not in error.message:
                raise
            time.sleep(POLL_S)
        else:
            return found


def _core_holds(chains: LocalChains, chain: str, place: str) -> int:
    return int(Decimal(scan_coins(chains.core(chain).rpc, place)["total_amount"]) * COIN_SAT)


def _dogecoin_holds(chains: LocalChains, chain: str, place: str) -> int:
    """Dogecoin's node has no scan of its coins: the simulator is asked by its own name for it."""
    return int(chains.dogecoin(chain).holds(place))


def _tron_holds(chains: LocalChains, _chain: str, place: str) -> int:
    return TronNode(chains.tron.http, TRON_LOCAL).balance(place, TRON_LOCAL.native)


def _xrpl_holds(chains: LocalChains, _chain: str, place: str) -> int:
    node = XrplNode(chains.xrpl.rpc)
    account = node.account(place, node.view().index)
    return 0 if account is None else account.balance_drops


def _evm_holds(chains: LocalChains, chain: str, place: str) -> int:
    return int(chains.evm(chain).rpc.call("eth_getBalance", place, "latest"), 16)


def _solana_holds(chains: LocalChains, _chain: str, place: str) -> int:
    return int(chains.solana.rpc.call("getBalance", place)["value"])


STRANGERS: Mapping[str, Stranger] = {
    "bitcoin-regtest": Stranger(_bitcoin_place, _core_holds),
    "litecoin-regtest": Stranger(_litecoin_place, _core_holds),
    "dogecoin-regtest": Stranger(_dogecoin_place, _dogecoin_holds),
    "tron-local": Stranger(_tron_place, _tron_holds),
    "xrpl-local": Stranger(_xrpl_place, _xrpl_holds),
    "ethereum-local": Stranger(_evm_place, _evm_holds),
    "bsc-local": Stranger(_evm_place, _evm_holds),
    "solana-local": Stranger(_solana_place, _solana_holds),
}


def _stranger(chain: str) -> Stranger:
    if chain not in STRANGERS:
        raise NotFound(f"nobody lives outside on {chain}", chain=chain)
    return STRANGERS[chain]


def fresh_place(chain: str) -> str:
    """A new address outside the house.

    Raises:
        NotFound: The chain is not part of the local network.
    """
    return _stranger(chain).fresh()


def pay_from_outside(chains: LocalChains, place: Mapping[str, str], amount: Amount) -> str:
    """Pay to a deposit place as the service named it (address, and memo where there is one); id of the transaction."""
    chain = amount.asset.chain
    if "memo" in place:
        return str(chains.xrpl.fund(place["address"], amount.units, int(place["memo"])))
    return str(chains.node(chain).fund(place["address"], amount.units))


def received(chains: LocalChains, chain: str, place: str) -> int:
    """Base units that an outside address holds, asked from the chain itself.

    Raises:
        NotFound: The chain is not part of the local network.
    """
    return _stranger(chain).holds(chains, chain, place)

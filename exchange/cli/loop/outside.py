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

from custody.devnet.network import LocalChains
from custody.nodes.jsonrpc import JsonRpc, NodeError
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


def _evm_holds(chains: LocalChains, chain: str, place: str) -> int:
    return int(chains.evm(chain).rpc.call("eth_getBalance", place, "latest"), 16)


def _solana_holds(chains: LocalChains, _chain: str, place: str) -> int:
    return int(chains.solana.rpc.call("getBalance", place)["value"])


STRANGERS: Mapping[str, Stranger] = {
    "bitcoin-regtest": Stranger(_bitcoin_place, _core_holds),
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


def received(chains: LocalChains, chain: str, place: str) -> int:
    """Base units that an outside address holds, asked from the chain itself.

    Raises:
        NotFound: The chain is not part of the local network.
    """
    return _stranger(chain).holds(chains, chain, place)

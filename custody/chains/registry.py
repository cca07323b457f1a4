"""Every network the toolkit knows, whatever its family: rows only, nothing that needs a cable.

Example:
    >>> chain_row(ChainId("bitcoin-regtest")).credit_depth
    2
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from custody.chains.evm import params as evm
from custody.chains.solana import params as solana
from custody.chains.tron import params as tron
from custody.chains.utxo import params as utxo
from custody.chains.xrpl import params as xrpl
from custody.primitives.asset import Asset
from custody.primitives.chain import Chain, ChainId
from custody.primitives.errors import UnknownChain

CHAINS: Mapping[ChainId, Chain] = MappingProxyType(
    {
        row.chain.id: row.chain
        for rows in (utxo.ROWS, evm.ROWS, (solana.MAINNET, solana.DEVNET, solana.LOCAL), tron.ROWS, xrpl.ROWS)
        for row in rows
    }
)
"""All networks by id."""

NATIVES: Mapping[ChainId, Asset] = MappingProxyType(
    {
        **{row.chain.id: row.asset for row in utxo.ROWS},
        **{
            row.chain.id: row.native
            for rows in (evm.ROWS, (solana.MAINNET, solana.DEVNET, solana.LOCAL), tron.ROWS, xrpl.ROWS)
            for row in rows
        },
    }
)
"""The coin of each network."""


def chain_row(chain: ChainId) -> Chain:
    """Look a network up.

    Raises:
        UnknownChain: No family has a row for it.
    """
    if chain not in CHAINS:
        raise UnknownChain(f"unknown chain {chain!r}; known: {', '.join(CHAINS)}", chain=chain)
    return CHAINS[chain]

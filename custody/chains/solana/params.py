"""Rows and constants of the Solana family.

Rules:
    * A network is a row; nothing else in this package knows which network it is on.
    * Rents and the fee of a signature are pinned: what a person approves must not depend on what a
      node says today. `setup.verify_node` stops the lane if the network disagrees.

Example:
    >>> LOCAL.native.symbol
    'SOL'
"""

from __future__ import annotations

from dataclasses import dataclass

from custody.primitives.asset import Asset
from custody.primitives.chain import Chain, ChainId, Family

SYSTEM_PROGRAM = "11111111111111111111111111111111"
TOKEN_PROGRAM = "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"  # noqa: S105 - a program, not a password
ASSOCIATED_TOKEN_PROGRAM = "ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL"  # noqa: S105
RECENT_BLOCKHASHES_SYSVAR = "SysvarRecentB1ockHashes11111111111111111111"
RENT_SYSVAR = "SysvarRent111111111111111111111111111111111"
NATIVE_MINT = "So11111111111111111111111111111111111111112"
"""Mint of wrapped SOL: one base unit is one lamport."""

TOKEN_ACCOUNT_BYTES = 165
MULTISIG_BYTES = 355
NONCE_ACCOUNT_BYTES = 80
MINT_BYTES = 82

MAX_MULTISIG_MEMBERS = 11
"""The token program's multisig account has eleven places."""

MAX_TRANSACTION_BYTES = 1232
"""IPv6 minimum MTU less headers: the network drops anything longer."""

SIGNATURE_BYTES = 64


@dataclass(frozen=True, slots=True)
class SolanaParams:
    """One Solana network.

    Attributes:
        chain: The network; heights are slots.
        native: SOL, 9 decimals.
        genesis_hash: What `getGenesisHash` must answer; empty for a local chain made anew each time.
        lamports_per_signature: Base fee.
        token_account_rent: Lamports that keep 165 bytes alive for ever.
        multisig_rent: The same for 355 bytes.
        nonce_rent: The same for 80 bytes.
        empty_account_rent: The same for an account without bytes: the least a new destination must get.
    """

    chain: Chain
    native: Asset
    genesis_hash: str
    lamports_per_signature: int = 5_000
    token_account_rent: int = 2_039_280
    multisig_rent: int = 3_361_680
    nonce_rent: int = 1_447_680
    empty_account_rent: int = 890_880


def _row(name: str, network: str, caip2: str, genesis_hash: str) -> SolanaParams:
    # The reader's tip is "confirmed", voted on by two thirds of the stake: depth 1 credits, reversibly.
    # A block is rooted, hence final, 32 slots later.
    chain = Chain(ChainId(name), Family.SOLANA, network, caip2, credit_depth=1, final_depth=32)
    return SolanaParams(chain, Asset("SOL", 9, chain.id), genesis_hash)


MAINNET = _row(
    "solana", "mainnet-beta", "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp", "5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d"
)
DEVNET = _row(
    "solana-devnet", "devnet", "solana:EtWTRABZaYq6iMfeYKouRu166VU2xqa1", "EtWTRABZaYq6iMfeYKouRu166VU2xqa1wcaWoxPkrZBG"
)
LOCAL = _row("solana-local", "local", "solana:local", "")

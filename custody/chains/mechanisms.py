"""How the house pays on each network: its multisig, its conflict key, how a payment dies, and what shows that it works.

Facts for people and for `mext chains`; nothing here decides anything.

Example:
    >>> MECHANISMS[ChainId("bitcoin")].multisig
    'P2WSH sorted multisig by descriptor and PSBT'
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from custody.primitives.chain import ChainId


class Evidence(StrEnum):
    """What the tests and the demonstration run against."""

    NODE = "node"  # the network's own software accepts, mines and refuses
    VM = "vm"  # the network's own virtual machine executes; RPC and finality around it are a simulator
    SCRIPT = "script"  # the script engine is real; node, fee policy and mempool are a simulator
    CODEC_AND_SIMULATOR = "codec+simulator"  # bytes equal those of the network's own library; the ledger is a simulator


@dataclass(frozen=True, slots=True)
class Mechanism:
    """One network's way of paying.

    Attributes:
        multisig: What makes a payment need several keys.
        conflict_key: What at most one confirmed transaction can consume.
        dies_by: What proves that an attempt can never confirm.
        tokens: Token standard that is served; "" for none.
        local: The local network that stands for it in tests.
        evidence: What answers there.
    """

    multisig: str
    conflict_key: str
    dies_by: str
    tokens: str
    local: ChainId
    evidence: Evidence


_PSBT = "P2WSH sorted multisig by descriptor and PSBT"
_SPENT = "the outpoint spent by another transaction at final depth"
_SAFE = "Safe 1.4.1 contract, batches through MultiSendCallOnly"
_SAFE_NONCE = "(chain id, Safe, Safe nonce)"
_EXECUTED = "another final execution at the same Safe nonce"

MECHANISMS: Mapping[ChainId, Mechanism] = MappingProxyType(
    {
        ChainId("bitcoin"): Mechanism(
            _PSBT, "an input outpoint", _SPENT, "", ChainId("bitcoin-regtest"), Evidence.NODE
        ),
        ChainId("litecoin"): Mechanism(
            _PSBT, "an input outpoint", _SPENT, "", ChainId("litecoin-regtest"), Evidence.NODE
        ),
        ChainId("dogecoin"): Mechanism(
            "P2SH sorted multisig by descriptor and PSBT",
            "an input outpoint (ids are malleable)",
            "nothing by itself: a spender we do not recognise may be our payment under other signatures; people decide",
            "",
            ChainId("dogecoin-regtest"),
            Evidence.SCRIPT,
        ),
        ChainId("ethereum"): Mechanism(
            _SAFE, _SAFE_NONCE, _EXECUTED, "ERC-20", ChainId("ethereum-local"), Evidence.NODE
        ),
        ChainId("bsc"): Mechanism(_SAFE, _SAFE_NONCE, _EXECUTED, "BEP-20", ChainId("bsc-local"), Evidence.NODE),
        ChainId("solana"): Mechanism(
            "SPL token multisig with durable nonces; FROST-Ed25519 for native SOL as the second way",
            "the value of a durable nonce",
            "the nonce advanced by another finalized transaction",
            "SPL",
            ChainId("solana-local"),
            Evidence.VM,
        ),
        ChainId("tron"): Mechanism(
            "account permission with a mask of operations",
            "none on chain: one live attempt until it expires",
            "its expiration behind the solidified head, and the id absent there",
            "TRC-20",
            ChainId("tron-local"),
            Evidence.CODEC_AND_SIMULATOR,
        ),
        ChainId("xrpl"): Mechanism(
            "signer list, master key disabled",
            "(account, ticket)",
            "a validated ledger behind LastLedgerSequence, the id absent in a gapless history, and the ticket unused",
            "",
            ChainId("xrpl-local"),
            Evidence.CODEC_AND_SIMULATOR,
        ),
    }
)
"""The eight networks, in the order in which people name them."""

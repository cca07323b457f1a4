"""What a Solana node tells of an executed transaction, in the JSON shapes of its RPC.

Rules:
    * Balances are those of all accounts of the message, before and after, in the message's order.
    * Token balances appear only if the message names a token program: a plain transfer of lamports
      to a wrapped-SOL account shows none, as on the real network.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import base58
from solders.account import Account
from solders.message import MessageV0
from solders.pubkey import Pubkey
from solders.transaction import VersionedTransaction

TOKEN_PROGRAM = Pubkey.from_string("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA")
TOKEN_2022_PROGRAM = Pubkey.from_string("TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb")
SYSTEM_PROGRAM = Pubkey.from_string("11111111111111111111111111111111")
NATIVE_MINT = Pubkey.from_string("So11111111111111111111111111111111111111112")
TOKEN_PROGRAMS = (TOKEN_PROGRAM, TOKEN_2022_PROGRAM)

TOKEN_ACCOUNT_BYTES = 165
_DECIMALS_AT = 44  # place of the decimals in a mint
_ADVANCE_NONCE = bytes([4, 0, 0, 0])

Look = Callable[[Pubkey], Account | None]


@dataclass(frozen=True, slots=True)
class Record:
    """One executed transaction.

    Attributes:
        signature: Its id, base58.
        raw: Its bytes.
        meta: The `meta` object of getTransaction.
    """

    signature: str
    raw: bytes
    meta: dict[str, Any]

    @property
    def transaction(self) -> VersionedTransaction:
        """Decoded."""
        return VersionedTransaction.from_bytes(self.raw)

    @property
    def failed(self) -> bool:
        """It was executed and moved no value but the fee."""
        return self.meta["err"] is not None


@dataclass(frozen=True, slots=True)
class Balances:
    """Lamports and token balances of all accounts of a message at one moment."""

    lamports: list[int]
    tokens: list[dict[str, Any]]


def balances(message: Any, look: Look) -> Balances:  # noqa: ANN401 - legacy or v0 message
    """Read the balances of a message's accounts."""
    keys = list(message.account_keys)
    accounts = [look(key) for key in keys]
    lamports = [account.lamports if account else 0 for account in accounts]
    if not any(program in keys for program in TOKEN_PROGRAMS):
        return Balances(lamports, [])
    entries = [_token_entry(place, account, look) for place, account in enumerate(accounts) if account]
    return Balances(lamports, [entry for entry in entries if entry])


def _token_entry(place: int, account: Account, look: Look) -> dict[str, Any] | None:
    content = bytes(account.data)
    if account.owner not in TOKEN_PROGRAMS or len(content) < TOKEN_ACCOUNT_BYTES or content[108] == 0:
        return None
    mint_key = Pubkey.from_bytes(content[:32])
    mint = look(mint_key)
    if mint is None or len(mint.data) <= _DECIMALS_AT or len(content) == 355:
        return None
    units, decimals = int.from_bytes(content[64:72], "little"), bytes(mint.data)[_DECIMALS_AT]
    return {
        "accountIndex": place,
        "mint": str(mint_key),
        "owner": str(Pubkey.from_bytes(content[32:64])),
        "programId": str(account.owner),
        "uiTokenAmount": token_amount(units, decimals),
    }


def token_amount(units: int, decimals: int) -> dict[str, Any]:
    """Write a token amount; the text with a point is for people, `amount` is exact."""
    whole, fraction = divmod(units, 10**decimals)
    text = f"{whole}.{fraction:0{decimals}d}".rstrip("0").rstrip(".") if decimals else str(whole)
    return {"amount": str(units), "decimals": decimals, "uiAmountString": text}


def error_json(error: Any) -> Any:  # noqa: ANN401 - one of many classes of solders
    """Write a transaction error as the RPC does: "BlockhashNotFound", {"InstructionError": [0, {"Custom": 1}]}."""
    if hasattr(error, "index") and hasattr(error, "err"):
        inner = error.err
        plain = {"Custom": inner.code} if hasattr(inner, "code") else str(inner).rpartition(".")[2]
        return {"InstructionError": [error.index, plain]}
    return str(error).rpartition(".")[2]


def transaction_json(record: Record) -> dict[str, Any]:
    """Write a transaction in encoding "json"."""
    message = record.transaction.message
    header = message.header
    shown: dict[str, Any] = {
        "accountKeys": [str(key) for key in message.account_keys],
        "header": {
            "numRequiredSignatures": header.num_required_signatures,
            "numReadonlySignedAccounts": header.num_readonly_signed_accounts,
            "numReadonlyUnsignedAccounts": header.num_readonly_unsigned_accounts,
        },
        "recentBlockhash": str(message.recent_blockhash),
        "instructions": [
            {
                "programIdIndex": step.program_id_index,
                "accounts": list(bytes(step.accounts)),
                "data": str(base58.b58encode(bytes(step.data)), "ascii"),
            }
            for step in message.instructions
        ],
    }
    if isinstance(message, MessageV0):
        shown["addressTableLookups"] = []
    return {"signatures": [str(signature) for signature in record.transaction.signatures], "message": shown}


def accounts_json(record: Record) -> dict[str, Any]:
    """Write a transaction in detail "accounts"."""
    message = record.transaction.message
    keys = [
        {
            "pubkey": str(key),
            "signer": message.is_signer(place),
            "writable": message.is_maybe_writable(place),
            "source": "transaction",
        }
        for place, key in enumerate(message.account_keys)
    ]
    return {"signatures": [str(signature) for signature in record.transaction.signatures], "accountKeys": keys}


def version_json(record: Record) -> str | int:
    """Write the version of a transaction."""
    return 0 if isinstance(record.transaction.message, MessageV0) else "legacy"


def account_json(account: Account | None) -> dict[str, Any] | None:
    """Write an account in encoding "base64"."""
    if account is None:
        return None
    return {
        "lamports": account.lamports,
        "owner": str(account.owner),
        "data": [base64.b64encode(bytes(account.data)).decode(), "base64"],
        "executable": account.executable,
        "rentEpoch": 18446744073709551615,
        "space": len(account.data),
    }


def account_from_json(stored: Mapping[str, Any] | None) -> Account:
    """Inverse of `account_json`; an absent account is an empty one."""
    if stored is None:
        return Account(lamports=0, data=b"", owner=SYSTEM_PROGRAM)
    content = base64.b64decode(stored["data"][0])
    owner = Pubkey.from_string(stored["owner"])
    return Account(lamports=stored["lamports"], data=content, owner=owner, executable=stored["executable"])


def durable_nonce_account(message: Any) -> Pubkey | None:  # noqa: ANN401
    """Return the nonce account if the first instruction advances one."""
    if not message.instructions:
        return None
    first, keys = message.instructions[0], message.account_keys
    if keys[first.program_id_index] != SYSTEM_PROGRAM or bytes(first.data) != _ADVANCE_NONCE:
        return None
    return keys[bytes(first.accounts)[0]]


def nonce_moved_on(account: Account, blockhash: bytes) -> Account:
    """Return a nonce account with the value the network would give it after a failed transaction."""
    content = bytearray(account.data)
    content[40:72] = hashlib.sha256(b"DURABLE_NONCE" + blockhash).digest()
    return Account(lamports=account.lamports, data=bytes(content), owner=account.owner)


def native_mint_account() -> Account:
    """Return the mint of wrapped SOL: 9 decimals, no authority."""
    content = bytearray(82)
    content[_DECIMALS_AT], content[_DECIMALS_AT + 1] = 9, 1
    return Account(lamports=1_461_600, data=bytes(content), owner=TOKEN_PROGRAM)


def block_hash(*parts: bytes | Sequence[str] | int) -> str:
    """Hash of a simulated block: SHA-256 over its parts, base58."""
    return str(base58.b58encode(hashlib.sha256(repr(parts).encode()).digest()), "ascii")

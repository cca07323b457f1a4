"""Accounts as the chain stores them: token accounts, multisigs, durable nonces.

Rules:
    * A layout is read whole or not at all; a wrong size or program gives None, never half a value.

Example:
    token = parse_token_account(account)      # None if it is no token account
"""

from __future__ import annotations

from dataclasses import dataclass

from custody.chains.solana import params
from custody.chains.solana.keytext import key_text

_INITIALIZED = 1
_NONCE_STATE_INITIALIZED = 1
_OPTION_SOME = 1


@dataclass(frozen=True, slots=True)
class RawAccount:
    """An account of any kind.

    Attributes:
        lamports: Its balance, rent included.
        program: The program that owns it, base58.
        content: Its bytes.
        executable: It is a program.
    """

    lamports: int
    program: str
    content: bytes
    executable: bool = False


@dataclass(frozen=True, slots=True)
class TokenAccount:
    """A token account of the classic token program.

    Attributes:
        mint: Which token.
        owner: Who may spend.
        units: Token amount as the program shows it (for wrapped SOL: as of the last SyncNative).
        encumbered: Frozen, or somebody else may take from it or close it.
    """

    mint: str
    owner: str
    units: int
    encumbered: bool


@dataclass(frozen=True, slots=True)
class Multisig:
    """An m-of-n account of the token program."""

    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NonceAccount:
    """A durable nonce: its authority and its present value."""

    authority: str
    value: str


def parse_token_account(account: RawAccount | None) -> TokenAccount | None:
    """Read an open token account; None for anything else."""
    if account is None or account.program != params.TOKEN_PROGRAM or len(account.content) != params.TOKEN_ACCOUNT_BYTES:
        return None
    raw = account.content
    if raw[108] == 0:
        return None
    delegate, close_authority = _u32(raw[72:76]), _u32(raw[129:133])
    return TokenAccount(
        mint=_key(raw[0:32]),
        owner=_key(raw[32:64]),
        units=int.from_bytes(raw[64:72], "little"),
        encumbered=raw[108] != _INITIALIZED or _OPTION_SOME in (delegate, close_authority),
    )


def parse_mint_decimals(account: RawAccount | None) -> int | None:
    """Decimals of a mint of the classic token program; None for anything else, a mint of Token-2022 included."""
    if account is None or account.program != params.TOKEN_PROGRAM or len(account.content) != params.MINT_BYTES:
        return None
    return account.content[44] if account.content[45] == _INITIALIZED else None


def parse_multisig(account: RawAccount | None) -> Multisig | None:
    """Read an open multisig; None for anything else."""
    if account is None or account.program != params.TOKEN_PROGRAM or len(account.content) != params.MULTISIG_BYTES:
        return None
    threshold, count, initialized = account.content[:3]
    if initialized != _INITIALIZED or not 1 <= threshold <= count <= params.MAX_MULTISIG_MEMBERS:
        return None
    places = (account.content[3 + 32 * place : 35 + 32 * place] for place in range(count))
    return Multisig(threshold, tuple(_key(raw) for raw in places))


def parse_nonce_account(account: RawAccount | None) -> NonceAccount | None:
    """Read an open durable nonce; None for anything else."""
    if account is None or account.program != params.SYSTEM_PROGRAM:
        return None
    raw = account.content
    if len(raw) != params.NONCE_ACCOUNT_BYTES or _u32(raw[4:8]) != _NONCE_STATE_INITIALIZED:
        return None
    return NonceAccount(_key(raw[8:40]), _key(raw[40:72]))


def _key(raw: bytes) -> str:
    return key_text(raw)


def _u32(raw: bytes) -> int:
    return int.from_bytes(raw, "little")

"""The dozen instructions we send, each built from plain text addresses.

Rules:
    * Layouts follow the programs' public interfaces; the numbers are their instruction tags.
    * A member signs as a read-only signer appended to the multisig's instruction, so the message
      itself fixes who signs.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from solders.instruction import AccountMeta, Instruction
from solders.pubkey import Pubkey

from custody.chains.solana import params

_SYSTEM_CREATE_WITH_SEED = 3
_SYSTEM_TRANSFER = 2
_SYSTEM_ADVANCE_NONCE = 4
_SYSTEM_INITIALIZE_NONCE = 6
_SYSTEM_ALLOCATE_WITH_SEED = 9
_SYSTEM_TRANSFER_WITH_SEED = 11
_TOKEN_CLOSE_ACCOUNT = 9
_TOKEN_TRANSFER_CHECKED = 12
_TOKEN_SYNC_NATIVE = 17
_TOKEN_INITIALIZE_ACCOUNT_3 = 18
_TOKEN_INITIALIZE_MULTISIG_2 = 19
_ASSOCIATED_CREATE_IDEMPOTENT = 1


def _instruction(program: str, data: bytes, accounts: Sequence[AccountMeta]) -> Instruction:
    return Instruction(Pubkey.from_string(program), data, list(accounts))


def _writable(address: str) -> AccountMeta:
    return AccountMeta(Pubkey.from_string(address), is_signer=False, is_writable=True)


def _readonly(address: str) -> AccountMeta:
    return AccountMeta(Pubkey.from_string(address), is_signer=False, is_writable=False)


def _payer(address: str) -> AccountMeta:
    return AccountMeta(Pubkey.from_string(address), is_signer=True, is_writable=True)


def _signer(address: str) -> AccountMeta:
    return AccountMeta(Pubkey.from_string(address), is_signer=True, is_writable=False)


def _seed(seed: str) -> bytes:
    return struct.pack("<Q", len(seed)) + seed.encode("ascii")


def advance_nonce(account: str, authority: str) -> Instruction:
    """Use up a durable nonce; must be the first instruction of its transaction."""
    accounts = [_writable(account), _readonly(params.RECENT_BLOCKHASHES_SYSVAR), _signer(authority)]
    return _instruction(params.SYSTEM_PROGRAM, struct.pack("<I", _SYSTEM_ADVANCE_NONCE), accounts)


def initialize_nonce(account: str, authority: str) -> Instruction:
    """Turn 80 bytes into a durable nonce."""
    accounts = [_writable(account), _readonly(params.RECENT_BLOCKHASHES_SYSVAR), _readonly(params.RENT_SYSVAR)]
    data = struct.pack("<I", _SYSTEM_INITIALIZE_NONCE) + bytes(Pubkey.from_string(authority))
    return _instruction(params.SYSTEM_PROGRAM, data, accounts)


def transfer_lamports(payer: str, to: str, lamports: int) -> Instruction:
    """Move lamports."""
    data = struct.pack("<IQ", _SYSTEM_TRANSFER, lamports)
    return _instruction(params.SYSTEM_PROGRAM, data, [_payer(payer), _writable(to)])


def transfer_with_seed(route: tuple[str, str], base: str, seed: str, lamports: int) -> Instruction:
    """Move lamports out of a plain account at a "with seed" address of the base key.

    Args:
        route: Source and destination.
        base, seed: What the source's address is derived from; the base key signs.
        lamports: How many.
    """
    source, to = route
    data = struct.pack("<IQ", _SYSTEM_TRANSFER_WITH_SEED, lamports) + _seed(seed)
    data += bytes(Pubkey.from_string(params.SYSTEM_PROGRAM))
    return _instruction(params.SYSTEM_PROGRAM, data, [_writable(source), _signer(base), _writable(to)])


def create_token_account_with_seed(account: str, base: str, seed: str, lamports: int) -> Instruction:
    """Open an account for the token program at a "with seed" address of the payer; it must not exist."""
    data = struct.pack("<I", _SYSTEM_CREATE_WITH_SEED) + bytes(Pubkey.from_string(base)) + _seed(seed)
    data += struct.pack("<QQ", lamports, params.TOKEN_ACCOUNT_BYTES) + bytes(Pubkey.from_string(params.TOKEN_PROGRAM))
    return _instruction(params.SYSTEM_PROGRAM, data, [_payer(base), _writable(account)])


def allocate_with_seed(account: str, base: str, seed: str, size_and_program: tuple[int, str]) -> Instruction:
    """Give a "with seed" address its bytes and its program; works even if lamports are there already."""
    size, program = size_and_program
    data = struct.pack("<I", _SYSTEM_ALLOCATE_WITH_SEED) + bytes(Pubkey.from_string(base)) + _seed(seed)
    data += struct.pack("<Q", size) + bytes(Pubkey.from_string(program))
    return _instruction(params.SYSTEM_PROGRAM, data, [_writable(account), _signer(base)])


def initialize_token_account(account: str, mint: str, owner: str) -> Instruction:
    """Turn 165 bytes into a token account."""
    data = bytes([_TOKEN_INITIALIZE_ACCOUNT_3]) + bytes(Pubkey.from_string(owner))
    return _instruction(params.TOKEN_PROGRAM, data, [_writable(account), _readonly(mint)])


def initialize_multisig(account: str, members: Sequence[str], threshold: int) -> Instruction:
    """Turn 355 bytes into an m-of-n multisig."""
    accounts = [_writable(account), *(_readonly(member) for member in members)]
    return _instruction(params.TOKEN_PROGRAM, bytes([_TOKEN_INITIALIZE_MULTISIG_2, threshold]), accounts)


def sync_native(account: str) -> Instruction:
    """Let a wrapped-SOL account's token amount follow its lamports; anyone may ask for it."""
    return _instruction(params.TOKEN_PROGRAM, bytes([_TOKEN_SYNC_NATIVE]), [_writable(account)])


def transfer_checked(
    route: tuple[str, str, str], authority: tuple[str, Sequence[str]], amount: int, decimals: int
) -> Instruction:
    """Move tokens.

    Args:
        route: Source account, mint, destination account.
        authority: The multisig, and the members that sign for it.
        amount: Base units.
        decimals: Of the mint; the program refuses others.
    """
    source, mint, destination = route
    multisig, signers = authority
    accounts = [_writable(source), _readonly(mint), _writable(destination), _readonly(multisig)]
    accounts += [_signer(member) for member in signers]
    return _instruction(params.TOKEN_PROGRAM, struct.pack("<BQB", _TOKEN_TRANSFER_CHECKED, amount, decimals), accounts)


def close_token_account(account: str, lamports_to: str, owner: str) -> Instruction:
    """Close a token account; its lamports go to `lamports_to`."""
    accounts = [_writable(account), _writable(lamports_to), _signer(owner)]
    return _instruction(params.TOKEN_PROGRAM, bytes([_TOKEN_CLOSE_ACCOUNT]), accounts)


def create_associated(payer: str, account: str, owner: str, mint: str) -> Instruction:
    """Open the associated token account of an owner unless it exists; the payer bears its rent."""
    accounts = [_payer(payer), _writable(account), _readonly(owner), _readonly(mint)]
    accounts += [_readonly(params.SYSTEM_PROGRAM), _readonly(params.TOKEN_PROGRAM)]
    return _instruction(params.ASSOCIATED_TOKEN_PROGRAM, bytes([_ASSOCIATED_CREATE_IDEMPOTENT]), accounts)

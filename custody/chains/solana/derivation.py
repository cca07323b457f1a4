"""Addresses of a Solana wallet that follow from its registration, without asking anyone.

Rules:
    * Accounts of ours are "with seed" accounts of one base key, the opener: only that key can open
      them, and `recompute_with_seed` derives each a second time without the library.
    * The owner that may spend from them is the multisig, never the opener.

Example:
    account = with_seed(opener, deposit_seed("hot", NATIVE_MINT, 7), TOKEN_PROGRAM)
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

import base58
from solders.pubkey import Pubkey

from custody.chains.solana.keytext import key_text
from custody.chains.solana.params import ASSOCIATED_TOKEN_PROGRAM, TOKEN_PROGRAM
from custody.primitives.errors import InvalidInput, VerificationFailed

MAX_SEED_BYTES = 32
MAX_DEPOSIT_INDEX = 2**32 - 1
_TAG_CHARS = 8  # 32 bits tell the few wallets and mints of one opener apart; SplWallet refuses a clash

_CACHED_DERIVATIONS = 65_536  # a program address costs some 20 us to find; entries are a few hundred bytes


def tag(text: str) -> str:
    """Shorten a wallet id or mint to 8 hex characters for use in a seed."""
    return hashlib.sha256(text.encode()).hexdigest()[:_TAG_CHARS]


def multisig_seed(wallet_id: str) -> str:
    """Seed of the multisig account."""
    return f"{tag(wallet_id)}:multisig"


def nonce_seed(wallet_id: str, number: int) -> str:
    """Seed of one durable-nonce account, counted from 0."""
    return f"{tag(wallet_id)}:nonce:{number}"


def deposit_seed(wallet_id: str, mint: str, index: int) -> str:
    """Seed of one customer's token account for one mint.

    Raises:
        InvalidInput: index outside 0..2**32-1.
    """
    if not 0 <= index <= MAX_DEPOSIT_INDEX:
        raise InvalidInput(f"deposit index {index} outside 0..{MAX_DEPOSIT_INDEX}")
    return f"{tag(wallet_id)}:d:{tag(mint)}:{index}"


def with_seed(base: str, seed: str, owner_program: str) -> str:
    """Derive a "with seed" address, base58."""
    return str(Pubkey.create_with_seed(Pubkey.from_string(base), seed, Pubkey.from_string(owner_program)))


@lru_cache(maxsize=_CACHED_DERIVATIONS)
def associated_token_account(owner: str, mint: str) -> str:
    """Derive the one token account that everybody can find for an owner and a mint, base58."""
    seeds = [bytes(Pubkey.from_string(text)) for text in (owner, TOKEN_PROGRAM, mint)]
    return str(Pubkey.find_program_address(seeds, Pubkey.from_string(ASSOCIATED_TOKEN_PROGRAM))[0])


def recompute_with_seed(base: str, seed: str, owner_program: str) -> str:
    """Derive a "with seed" address from its definition: SHA-256 of base, seed and program.

    Raises:
        InvalidInput: The seed is longer than 32 bytes.
    """
    if len(seed.encode()) > MAX_SEED_BYTES:
        raise InvalidInput(f"seed {seed!r} is longer than {MAX_SEED_BYTES} bytes")
    parts = base58.b58decode(base) + seed.encode() + base58.b58decode(owner_program)
    return key_text(hashlib.sha256(parts).digest())


def verify_with_seed(address: str, base: str, seed: str) -> None:
    """Compare a token account's address with its second derivation.

    Raises:
        VerificationFailed: The two differ.
    """
    expected = recompute_with_seed(base, seed, TOKEN_PROGRAM)
    if address != expected:
        raise VerificationFailed(f"{address} is not the account of seed {seed!r}, {expected} is")

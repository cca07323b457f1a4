"""Partially signed transactions: write ours with embit, and believe none that one of two libraries refuses.

Rules:
    * Bytes count as a PSBT only if libwally and embit both accept them and agree on the unsigned
      transaction: each of them lets some malformed ones of BIP-174's own list pass.
    * Every input carries the whole transaction it spends: a value without it is only a claim.
    * The same plan is always the same bytes.

Spec: BIP-174 (version 0).
"""

from __future__ import annotations

import io

import wallycore as wally
from embit.base import EmbitError
from embit.ec import PublicKey as EmbitKey
from embit.psbt import PSBT, DerivationPath
from embit.script import Script, Witness
from embit.transaction import Transaction, TransactionInput, TransactionOutput

from custody.chains.utxo.coins import LOCKTIME, SEQUENCE, TX_VERSION, Coin, UtxoPlan
from custody.chains.utxo.params import ScriptType
from custody.chains.utxo.wallet import CHANGE, UtxoWallet
from custody.primitives.errors import LimitExceeded, MalformedPayload

MAX_PSBT_BYTES = 8 << 20
"""200 inputs whose previous transactions have 40 kB each; signers read nothing longer."""

_MWEB_MARK = b"\x00\x08"

# What the two libraries raise on bytes they dislike; embit has no single error type.
_PARSE_ERRORS = (EmbitError, ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError)


def encode_plan(wallet: UtxoWallet, plan: UtxoPlan) -> bytes:
    """Write a plan as an unsigned PSBT with everything a signer needs to check it.

    Raises:
        LimitExceeded: Longer than signers read.
        MalformedPayload: A coin's previous transaction does not prove its value and script, or an
            output called change is not ours.
    """
    psbt = PSBT(unsigned_tx(plan))
    for scope, coin in zip(psbt.inputs, plan.inputs, strict=True):
        _describe_input(wallet, scope, coin)
    for scope, output in zip(psbt.outputs, plan.outputs, strict=True):
        if output.change_index is not None:
            if wallet.script_pubkey(CHANGE, output.change_index) != output.script:
                raise MalformedPayload(f"{wallet.id}: an output called change pays another script")
            _describe_script(wallet, scope, CHANGE, output.change_index)
    raw: bytes = psbt.serialize()
    if len(raw) > MAX_PSBT_BYTES:
        raise LimitExceeded(f"{wallet.id}: unsigned transaction of {len(raw)} bytes", limit=MAX_PSBT_BYTES)
    return raw


def unsigned_tx(plan: UtxoPlan) -> Transaction:
    """Build the transaction without signatures."""
    return Transaction(
        version=TX_VERSION,
        vin=[TransactionInput(bytes.fromhex(coin.txid), coin.vout, sequence=SEQUENCE) for coin in plan.inputs],
        vout=[TransactionOutput(output.value_sat, Script(output.script)) for output in plan.outputs],
        locktime=LOCKTIME,
    )


def parse_psbt(raw: bytes) -> PSBT:
    """Read a PSBT that two independent libraries accept and read alike.

    Raises:
        MalformedPayload: One of them refuses, or they differ on the unsigned transaction.
    """
    if len(raw) > MAX_PSBT_BYTES:
        raise MalformedPayload(f"PSBT of {len(raw)} bytes; at most {MAX_PSBT_BYTES} are read")
    try:
        # libwally first: it bounds every count by the bytes that are there, embit would loop.
        second = wally.tx_to_bytes(wally.psbt_get_global_tx(wally.psbt_from_bytes(raw, 0)), 0)
    except _PARSE_ERRORS as error:
        raise MalformedPayload("PSBT refused by libwally") from error
    try:
        psbt = PSBT.parse(raw)
        first = psbt.tx.serialize()
    except _PARSE_ERRORS as error:
        raise MalformedPayload(f"PSBT refused by embit: {error}") from error
    if first != bytes(second):
        raise MalformedPayload("PSBT: two libraries read two different transactions")
    return psbt


def without_witness(raw: bytes) -> bytes:
    """Drop the witnesses of a transaction; its txid stays.

    Litecoin's node marks the transaction that pays out of MWEB (LIP-3, flag 8, and an empty part before the
    lock time); the mark is dropped too, or one such payment would make a wallet unreadable.

    Raises:
        MalformedPayload: Not a transaction.
    """
    if raw[4:6] == _MWEB_MARK and raw[-5:-4] == b"\x00":
        raw = raw[:4] + raw[6:-5] + raw[-4:]
    tx = parse_tx(raw)
    for entry in tx.vin:
        entry.witness = Witness([])
    stripped: bytes = tx.serialize()
    return stripped


def parse_tx(raw: bytes) -> Transaction:
    """Read a complete transaction.

    Raises:
        MalformedPayload: Not a transaction, or bytes are left over.
    """
    try:
        wally.tx_from_bytes(raw, 0)
        stream = io.BytesIO(raw)
        tx = Transaction.read_from(stream)
    except _PARSE_ERRORS as error:
        raise MalformedPayload("not a transaction") from error
    if stream.read(1):
        raise MalformedPayload("bytes after the transaction")
    return tx


def _describe_input(wallet: UtxoWallet, scope: object, coin: Coin) -> None:
    previous = parse_tx(coin.previous_tx)
    if previous.txid().hex() != coin.txid or coin.vout >= len(previous.vout):
        raise MalformedPayload(f"{wallet.id}: {coin.txid}:{coin.vout} is not in the transaction given with it")
    spent = previous.vout[coin.vout]
    stated = (coin.value_sat, wallet.script_pubkey(coin.branch, coin.index))
    if (spent.value, spent.script_pubkey.data) != stated:
        raise MalformedPayload(f"{wallet.id}: {coin.txid}:{coin.vout} holds another value or script than stated")
    scope.non_witness_utxo = previous  # type: ignore[attr-defined]  # embit has no types
    if wallet.params.script is ScriptType.WSH:
        scope.witness_utxo = spent  # type: ignore[attr-defined]
    _describe_script(wallet, scope, coin.branch, coin.index)


def _describe_script(wallet: UtxoWallet, scope: object, branch: int, index: int) -> None:
    script = Script(wallet.multisig_script(branch, index))
    if wallet.params.script is ScriptType.WSH:
        scope.witness_script = script  # type: ignore[attr-defined]
    else:
        scope.redeem_script = script  # type: ignore[attr-defined]
    keys = zip(wallet.public_cosigner_keys(branch, index), wallet.cosigners, strict=True)
    for key, origin in sorted(keys, key=lambda pair: pair[0].raw):
        path = DerivationPath(origin.fingerprint, [*origin.path, branch, index])
        scope.bip32_derivations[EmbitKey.parse(key.raw)] = path  # type: ignore[attr-defined]

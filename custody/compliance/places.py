"""One key for a place, however it is written: what lists and transfers are compared by.

Rules:
    * The key names family and place, not the network: who is listed on Ethereum is listed on every EVM network,
      and a listed Bitcoin script is the same script on Litecoin.
    * A listed text is read by its form, never by the currency it is listed under: lists name one place under several.
    * A listed text of no family we serve is kept as it stands, so that nothing on a list is dropped.

Example:
    >>> listed_key("0x5AAEB6053F3E94C9B9A09F33669435E7EF1BEAED")
    'evm:0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed'
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import base58

from custody.chains.registry import chain_row
from custody.chains.tron.address import address_bytes, address_text
from custody.chains.utxo.address import script_of_address
from custody.chains.utxo.params import ROWS, UtxoParams, row
from custody.chains.xrpl.address import account_id
from custody.primitives.chain import ChainId, Family
from custody.primitives.errors import InvalidAddress, InvalidInput

OTHER = "other"
_EVM = re.compile(r"0[xX][0-9a-fA-F]{40}", re.ASCII)
_SOLANA_BYTES, _SOLANA_CHARS = 32, range(32, 45)


def place_key(chain: ChainId, text: str) -> str:
    """Return the key of a place on one of our chains.

    Raises:
        InvalidAddress: Nobody's address in this family: it cannot be compared with any list.
        UnknownChain: Not one of our chains.
    """
    family = chain_row(chain).family
    form = _utxo(text, (row(chain),)) if family is Family.UTXO else _FORMS[family](text)
    if form is None:
        raise InvalidAddress(f"{chain}: {text[:60]!r} cannot be compared with a list", chain=chain)
    return f"{family}:{form}"


def listed_key(text: str) -> str:
    """Return the key of a listed text; of family "other" if it has the form of none of ours."""
    for family, read in _FORMS.items():
        form = read(text)
        if form is not None:
            return f"{family}:{form}"
    return f"{OTHER}:{text}"


def _evm(text: str) -> str | None:
    return text.lower() if _EVM.fullmatch(text) else None


def _tron(text: str) -> str | None:
    # Without the codec's refusal of reserved addresses: a mint shows zero as its sender.
    try:
        return text if text.isascii() and address_text(address_bytes(text)) == text else None
    except (ValueError, InvalidInput):
        return None


def _utxo(text: str, rows: tuple[UtxoParams, ...] = ROWS) -> str | None:
    for params in rows:
        try:
            return script_of_address(text, params).hex()
        except InvalidAddress:
            continue
    return None


def _xrpl(text: str) -> str | None:
    try:
        return account_id(text).hex() if text.isascii() else None
    except InvalidAddress:
        return None


def _solana(text: str) -> str | None:
    try:
        raw = base58.b58decode(text) if len(text) in _SOLANA_CHARS and text.isascii() else b""
    except ValueError:
        return None
    return text if len(raw) == _SOLANA_BYTES and base58.b58encode(raw).decode() == text else None


_FORMS: Mapping[Family, Callable[[str], str | None]] = {
    Family.EVM: _evm,
    Family.TRON: _tron,
    Family.UTXO: _utxo,
    Family.XRPL: _xrpl,
    Family.SOLANA: _solana,
}

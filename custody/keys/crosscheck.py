"""A second opinion on addresses: derived again by libraries that share no code with ours.

Rules:
    * Public material only: extended public keys and public keys; nothing secret is ever handed to them.
    * Two different answers stop the caller; there is no majority of two.
    * bitcoinlib is GPL-licensed and optional (extra `crosscheck`): loaded at the first call, by nobody
      who does not ask for it. It writes a folder at import, which `folder` must name.

Example:
    crosscheck_utxo(SortedMultisig(xpubs, 2, branch=0, index=7, chain="bitcoin-regtest"), address, home / "bitcoinlib")
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import base58

from custody.keys.material import Curve, PublicKey
from custody.keys.xkeys import decode_xpub
from custody.primitives.errors import InvalidInput, Unavailable, VerificationFailed


@dataclass(frozen=True, slots=True)
class _Form:
    """How bitcoinlib is asked for a multisig address; `prefix` where it has no such network of its own."""

    network: str
    script_type: str = "p2wsh"
    encoding: str = "bech32"
    prefix: str | None = None


_FORMS = {
    "bitcoin": _Form("bitcoin"),
    "bitcoin-regtest": _Form("regtest"),
    "litecoin": _Form("litecoin"),
    # bitcoinlib knows no Litecoin regression test network: its test network with the other's prefix.
    "litecoin-regtest": _Form("litecoin_testnet", prefix="rltc"),
    "dogecoin": _Form("dogecoin", "p2sh", "base58"),
    # Dogecoin's test networks share the version byte of script addresses.
    "dogecoin-regtest": _Form("dogecoin_testnet", "p2sh", "base58"),
}
_FOLDER_VARIABLE = "BCL_DATA_DIR"
MAX_COSIGNERS = 15


class CrossCheckFailed(VerificationFailed):
    """A second library derives another address from the same public keys."""

    code = "cross_check_failed"


class CrossCheckUnavailable(Unavailable):
    """The second library is not installed."""

    code = "cross_check_unavailable"

    def hint(self) -> str:
        """Name the extra."""
        return "install the extra: mext[crosscheck]"


@dataclass(frozen=True, slots=True)
class SortedMultisig:
    """One address of wsh(sortedmulti(threshold, xpubs/branch/index)), or sh(...) where the chain has no segwit.

    Attributes:
        xpubs: Account-level extended public keys of all cosigners, at most 15.
        threshold: Signatures needed.
        branch, index: 0 for receiving, 1 for change; position from 0.
        chain: Our name of the network, "litecoin-regtest".
    """

    xpubs: Sequence[str]
    threshold: int
    branch: int
    index: int
    chain: str

    def __post_init__(self) -> None:
        if not 1 <= self.threshold <= len(self.xpubs) <= MAX_COSIGNERS or self.chain not in _FORMS:
            raise InvalidInput(f"no cross-check for {self.threshold} of {len(self.xpubs)} on {self.chain}")


def crosscheck_utxo(place: SortedMultisig, expected: str, folder: Path) -> None:
    """Derive a multisig address again with bitcoinlib.

    Args:
        place: Which address.
        expected: The address our own code derived.
        folder: Where bitcoinlib may keep its files.

    Raises:
        InvalidKey: One of the keys is malformed.
        CrossCheckFailed: Another address, or bitcoinlib rejects the keys.
        CrossCheckUnavailable: bitcoinlib is not installed.
    """
    os.environ.setdefault(_FOLDER_VARIABLE, str(folder))
    keys, scripts = _load("bitcoinlib.keys"), _load("bitcoinlib.scripts")
    members = sorted(_child_point(keys.HDKey, xpub, place) for xpub in place.xpubs)
    script = scripts.Script(
        keys=[keys.Key(member) for member in members], sigs_required=place.threshold, script_types=["multisig"]
    )
    form = _FORMS[place.chain]
    computed = keys.Address(
        data=script.serialize(),
        script_type=form.script_type,
        encoding=form.encoding,
        network=form.network,
        prefix=form.prefix,
    )
    _require_equal("bitcoinlib", expected, str(computed.address))


def crosscheck_evm(key: PublicKey, expected: str) -> None:
    """Derive an account address again with the key library behind eth-account.

    Raises:
        CrossCheckFailed: Another address; the mixed-case checksum counts.
        CrossCheckUnavailable: The library is not installed.
    """
    _require_curve(key, Curve.SECP256K1)
    point = _load("eth_keys.datatypes").PublicKey.from_compressed_bytes(key.raw)
    _require_equal("eth-keys", expected, str(point.to_checksum_address()))


def crosscheck_tron(key: PublicKey, expected: str) -> None:
    """Derive an account address again with the key library behind eth-account, and write it with base58.

    Raises:
        CrossCheckFailed: Another address.
        CrossCheckUnavailable: The library is not installed.
    """
    _require_curve(key, Curve.SECP256K1)
    point = _load("eth_keys.datatypes").PublicKey.from_compressed_bytes(key.raw)
    _require_equal("eth-keys", expected, base58.b58encode_check(b"\x41" + point.to_canonical_address()).decode())


def crosscheck_solana(key: PublicKey, expected: str) -> None:
    """Write an account address again with solders, which also checks that the point is on the curve.

    Raises:
        CrossCheckFailed: Another address, or no point of the curve.
        CrossCheckUnavailable: solders is not installed.
    """
    _require_curve(key, Curve.ED25519)
    account = _load("solders.pubkey").Pubkey.from_bytes(key.raw)
    if not account.is_on_curve():
        raise CrossCheckFailed(f"solders: {key.raw.hex()} is not a point of the curve", library="solders")
    _require_equal("solders", expected, str(account))


def crosscheck_xrpl(key: PublicKey, expected: str) -> None:
    """Write a classic address again with xrpl-py.

    Raises:
        CrossCheckFailed: Another address.
        CrossCheckUnavailable: xrpl-py is not installed.
    """
    _require_curve(key, Curve.SECP256K1)
    _require_equal("xrpl-py", expected, str(_load("xrpl.core.keypairs").derive_classic_address(key.raw.hex().upper())))


def _child_point(parse: Callable[..., Any], xpub: str, place: SortedMultisig) -> bytes:
    decode_xpub(xpub)  # bitcoinlib neither checks the checksum nor refuses text that is no key at all
    errors = (_load("bitcoinlib.keys").BKeyError, ValueError)
    try:
        return bytes(parse(xpub).key_for_path(f"{place.branch}/{place.index}").public_byte)
    except errors as error:
        raise CrossCheckFailed(f"bitcoinlib rejects {xpub[:20]}...", library="bitcoinlib") from error


def _load(module: str) -> Any:  # noqa: ANN401 - foreign modules without types
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise CrossCheckUnavailable(f"{module} is not installed", module=module) from error


def _require_curve(key: PublicKey, curve: Curve) -> None:
    if key.curve is not curve:
        raise InvalidInput(f"a {key.curve} key has no address of this kind")


def _require_equal(library: str, expected: str, computed: str) -> None:
    if computed != expected:
        raise CrossCheckFailed(
            f"{library} derives {computed}, we derived {expected}", library=library, computed=computed, ours=expected
        )

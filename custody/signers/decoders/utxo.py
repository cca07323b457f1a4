"""The signer's own reading of an unsigned PSBT: every field is expected, or the whole is refused.

Rules:
    * Every input is ours, and its value is proven by the whole transaction it spends.
    * An output is change only if its fields are exactly those of a place on branch 1 inside the window,
      derived here from the registered descriptor. Fields that promise change and break the promise are
      refused; an output without fields is a payment, whoever owns its script.
    * Sighash type ALL, version 2, no lock time, replaceable inputs: what our builder makes, nothing else.
    * No field that is not needed: no extended keys, no signatures, no unknown ones.

Example:
    decoder = UtxoDecoder(registration, {"m/48h/1h/0h/2h": key})
    decoder.understand(psbt, SigningRole.MEMBER).summary.fee

Spec: BIP-174 (signer), BIP-143.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

from custody.keys.material import PublicKey, SigningRole
from custody.keys.paths import format_path
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.asset import Asset
from custody.primitives.chain import ChainId
from custody.primitives.errors import InvalidInput, Refused
from custody.primitives.intent import TransferSummary
from custody.signers.decoders.utxo_digest import SIGHASH_ALL, SegwitDigests, Spent, legacy_digest
from custody.signers.decoders.utxo_psbt import (
    Fields,
    RawInput,
    RawOutput,
    RawPsbt,
    RawTx,
    double_sha256,
    read_psbt,
    read_tx,
)
from custody.signers.decoders.utxo_script import NETWORKS, Cosigner, address_at, address_text, read_descriptor
from custody.signers.ownership import NotOurAddress
from custody.signers.port import OwnedPlace, ToSign, Understood

RECEIVE_BRANCH, CHANGE_BRANCH = 0, 1
TX_VERSION = 2
SEQUENCE = 0xFFFF_FFFD
MAX_SEARCHED_INDEXES = 10_000
"""Of each branch, when an address is looked for: a few seconds once, inside the time of one connection."""

_IN_PREVIOUS, _IN_SPENT, _IN_SIGHASH = b"\x00", b"\x01", b"\x03"
_IN_REDEEM_SCRIPT, _IN_WITNESS_SCRIPT, _IN_DERIVATION = b"\x04", b"\x05", b"\x06"
_OUT_REDEEM_SCRIPT, _OUT_WITNESS_SCRIPT, _OUT_DERIVATION = b"\x00", b"\x01", b"\x02"

Place = tuple[int, int]
Paid = tuple[Address, Amount]


class UnknownPsbtShape(Refused):
    """A transaction that decodes, but is not of the one shape this signer signs."""

    code = "unknown_psbt_shape"


class UtxoDecoder:
    """Decodes for one registered wallet and the key that this signer holds in it."""

    def __init__(self, registration: Mapping[str, object], our_keys: Mapping[str, PublicKey]) -> None:
        """Bind to a wallet.

        Args:
            registration: What the wallet wrote: id, family, chain, descriptor, threshold, window.
            our_keys: Public key at each of our derivation paths; exactly one is a cosigner.

        Raises:
            InvalidInput: A malformed registration, or not exactly one cosigner is ours.
        """
        self.id, chain, window = registration.get("id"), registration.get("chain"), registration.get("window")
        if registration.get("family") != "utxo" or not isinstance(chain, str) or chain not in NETWORKS:
            raise InvalidInput(f"wallet {self.id}: not a registered network of the UTXO family: {chain!r}")
        if type(window) is not int or window < 1:
            raise InvalidInput(f"wallet {self.id}: registered without an index window")
        self.window, self.network = window, NETWORKS[chain]
        self.caip2, self.holds_accounts = self.network.caip2, False
        self.asset = Asset(self.network.symbol, 8, ChainId(chain))
        self.descriptor = read_descriptor(str(registration.get("descriptor")), self.network)
        if registration.get("threshold") != self.descriptor.threshold:
            raise InvalidInput(f"wallet {self.id}: threshold and descriptor disagree")
        self.ours = self._our_cosigner(our_keys)

    def understand(self, payload: bytes, role: SigningRole) -> Understood:
        """Decode a PSBT completely.

        Raises:
            MalformedPayload: It does not decode, or bytes are left over.
            UnknownPsbtShape: It decodes, but to a shape that is not on the allow-list.
        """
        if role is not SigningRole.MEMBER:
            raise UnknownPsbtShape(f"wallet {self.id}: nobody signs as {role} on this chain")
        psbt = read_psbt(payload)
        self._require_plain(psbt)
        spends = [self._spend(entry, fields) for entry, fields in zip(psbt.tx.inputs, psbt.inputs, strict=True)]
        to: list[Paid] = []
        change: list[Paid] = []
        for output, fields in zip(psbt.tx.outputs, psbt.outputs, strict=True):
            self._output(output, fields, to, change)
        fee = sum(spent.output.value_sat for _, spent in spends) - sum(o.value_sat for o in psbt.tx.outputs)
        if fee < 0:
            raise UnknownPsbtShape(f"wallet {self.id}: pays out more than it takes in")
        first = min((entry.txid[::-1].hex(), entry.vout) for entry in psbt.tx.inputs)
        return Understood(
            summary=TransferSummary(tuple(to), tuple(change), Amount(fee, self.asset)),
            conflict_key=f"utxo:{self.asset.chain}:{first[0]}:{first[1]}",
            to_sign=self._to_sign(psbt.tx, spends),
        )

    def owned_place(self, address: str) -> OwnedPlace:
        """Find the place of an address on both branches, by deriving until it is met.

        Raises:
            NotOurAddress: It stands nowhere in the window, or beyond the indexes that are searched.
        """
        searched = min(self.window, MAX_SEARCHED_INDEXES)
        for index, branch in product(range(searched), (RECEIVE_BRANCH, CHANGE_BRANCH)):
            if address_at(self.descriptor, self.network, branch, index) == address:
                path = format_path((*self.ours.path, branch, index))
                return OwnedPlace(path, self.descriptor.inner_script(branch, index))
        raise NotOurAddress(f"wallet {self.id}: {address} stands at none of its first {searched} indexes")

    def _our_cosigner(self, our_keys: Mapping[str, PublicKey]) -> Cosigner:
        found = [
            cosigner
            for path, key in our_keys.items()
            for cosigner in self.descriptor.cosigners
            if cosigner.node.key == key.raw and format_path(cosigner.path) == path
        ]
        if len(found) != 1:
            raise InvalidInput(f"wallet {self.id}: {len(found)} of its cosigners are ours; one must be")
        return found[0]

    def _require_plain(self, psbt: RawPsbt) -> None:
        tx = psbt.tx
        if psbt.others:
            raise UnknownPsbtShape(f"wallet {self.id}: a global field that is not needed")
        if (tx.version, tx.locktime) != (TX_VERSION, 0):
            raise UnknownPsbtShape(f"wallet {self.id}: version {tx.version} or lock time {tx.locktime}")
        if any(entry.script_sig or entry.sequence != SEQUENCE for entry in tx.inputs):
            raise UnknownPsbtShape(f"wallet {self.id}: an input with a script or another sequence")
        if len({(entry.txid, entry.vout) for entry in tx.inputs}) != len(tx.inputs):
            raise UnknownPsbtShape(f"wallet {self.id}: the same coin twice")
        if any(not 0 < output.value_sat <= self.network.most_sat for output in tx.outputs):
            raise UnknownPsbtShape(f"wallet {self.id}: an output without or with an impossible value")

    def _spend(self, entry: RawInput, fields: Fields) -> tuple[Place, Spent]:
        """Prove that an input is ours and what it holds."""
        name = f"wallet {self.id}: coin {entry.txid[::-1].hex()}:{entry.vout}"
        previous = fields.get(_IN_PREVIOUS)
        if previous is None or double_sha256(previous) != entry.txid:
            raise UnknownPsbtShape(f"{name}: without the transaction that it comes from")
        sighash = fields.get(_IN_SIGHASH)
        if sighash is not None and sighash != SIGHASH_ALL.to_bytes(4, "little"):
            raise UnknownPsbtShape(f"{name}: asks for sighash type {sighash.hex()}; only ALL is signed")
        outputs = read_tx(previous, "previous transaction").outputs
        if entry.vout >= len(outputs):
            raise UnknownPsbtShape(f"{name}: there is no such output")
        output, place = outputs[entry.vout], self._stated_place(fields, _IN_DERIVATION, name)
        inner = self.descriptor.inner_script(*place)
        if self.descriptor.output_script(inner) != output.script:
            raise UnknownPsbtShape(f"{name}: does not stand at place {place[0]}/{place[1]} of this wallet")
        expected = {_IN_PREVIOUS: previous, **self._derivations(_IN_DERIVATION, place)}
        if sighash is not None:
            expected[_IN_SIGHASH] = sighash
        if self.descriptor.is_segwit:
            expected |= {_IN_SPENT: output.serialize(), _IN_WITNESS_SCRIPT: inner}
        else:
            expected[_IN_REDEEM_SCRIPT] = inner
        self._require_equal(fields, expected, name)
        return place, Spent(output, inner)

    def _output(self, output: RawOutput, fields: Fields, to: list[Paid], change: list[Paid]) -> None:
        text = address_text(output.script, self.network)
        if text is None:
            raise UnknownPsbtShape(f"wallet {self.id}: pays a script without an address: {output.script.hex()[:80]}")
        paid = (Address(self.asset.chain, text), Amount(output.value_sat, self.asset))
        if not fields:
            to.append(paid)
            return
        name = f"wallet {self.id}: output to {text}"
        place = self._stated_place(fields, _OUT_DERIVATION, name)
        inner = self.descriptor.inner_script(*place)
        if place[0] != CHANGE_BRANCH or self.descriptor.output_script(inner) != output.script:
            raise UnknownPsbtShape(f"{name}: promises change, but is not change of this wallet")
        script_field = _OUT_WITNESS_SCRIPT if self.descriptor.is_segwit else _OUT_REDEEM_SCRIPT
        self._require_equal(fields, {script_field: inner, **self._derivations(_OUT_DERIVATION, place)}, name)
        change.append(paid)

    def _stated_place(self, fields: Fields, kind: bytes, name: str) -> Place:
        """Read where our key is said to stand; the caller proves it by deriving everything again."""
        origin = self.ours.fingerprint + _steps(self.ours.path)
        stated = [
            value for key, value in fields.items()
            if key[:1] == kind and value.startswith(origin) and len(value) == len(origin) + 8
        ]  # fmt: skip
        if len(stated) != 1:
            raise UnknownPsbtShape(f"{name}: our key is not named once with its path")
        branch, index = (int.from_bytes(stated[0][at:][:4], "little") for at in (len(origin), len(origin) + 4))
        if branch not in (RECEIVE_BRANCH, CHANGE_BRANCH) or index >= self.window:
            raise UnknownPsbtShape(f"{name}: place {branch}/{index} is outside the window of {self.window}")
        return branch, index

    def _derivations(self, kind: bytes, place: Place) -> Fields:
        return {
            kind + key: cosigner.fingerprint + _steps((*cosigner.path, *place))
            for cosigner, key in zip(self.descriptor.cosigners, self.descriptor.keys(*place), strict=True)
        }

    def _require_equal(self, fields: Fields, expected: Fields, name: str) -> None:
        wrong = sorted(key[:1].hex() for key in fields.keys() | expected.keys() if fields.get(key) != expected.get(key))
        if wrong:
            raise UnknownPsbtShape(f"{name}: fields of type {', '.join(wrong)} are missing, unknown or not as derived")

    def _to_sign(self, tx: RawTx, spends: list[tuple[Place, Spent]]) -> tuple[ToSign, ...]:
        segwit = SegwitDigests(tx)
        return tuple(
            ToSign(
                index=number,
                path=format_path((*self.ours.path, *place)),
                message=segwit.digest(number, spent) if self.descriptor.is_segwit else legacy_digest(tx, number, spent),
            )
            for number, (place, spent) in enumerate(spends)
        )


def _steps(path: tuple[int, ...]) -> bytes:
    return b"".join(step.to_bytes(4, "little") for step in path)

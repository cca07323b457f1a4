"""The signer's own reading of moves within an EVM wallet: sweeps, gas for deposit accounts, fillers.

Rules:
    * A sweep goes from a registered deposit account to the registered Safe: coins, or a listed token.
    * Gas goes from the registered station to a registered deposit account, whose only way out is a sweep. What
      it brings there counts as fee, since it is meant to be burnt: the signer's own fee cap bounds it.
    * A filler sends nothing, from the sender or the station to itself.
    * No move pays anybody; whether one may be signed without an intent is for the signer's rules to say.

Example:
    OwnMoves(safe, {"m/44h/60h/9h/0/0": account}).understand(SWEEP_TAG, fields).summary.change
"""

from __future__ import annotations

from collections.abc import Mapping

from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.errors import MalformedPayload, Refused
from custody.primitives.intent import TransferSummary
from custody.signers.decoders.evm_bytes import Arguments, decimal, eip55, keccak256
from custody.signers.decoders.evm_outer import Outer, read_outer
from custody.signers.decoders.evm_registration import RegisteredSafe
from custody.signers.port import ToSign, Understood

SWEEP_TAG = "mext/evm-sweep/1"
TOP_UP_TAG = "mext/evm-top-up/1"
FILL_TAG = "mext/evm-fill/1"
MOVES = frozenset({SWEEP_TAG, TOP_UP_TAG, FILL_TAG})
"""Payloads read here."""

_TRANSFER = bytes.fromhex("a9059cbb")
_FIELDS = {SWEEP_TAG: 3, TOP_UP_TAG: 3, FILL_TAG: 2}


class OwnMoves:
    """Reads for one registered Safe and the accounts that this signer holds."""

    def __init__(self, safe: RegisteredSafe, accounts: Mapping[str, bytes]) -> None:
        """Bind to a wallet.

        Args:
            safe: Our registration.
            accounts: Account (20 bytes) at each of our derivation paths.
        """
        self._safe = safe
        self._accounts = accounts

    def understand(self, tag: str, fields: list[bytes]) -> Understood:
        """Decode a move completely.

        Raises:
            MalformedPayload: It does not decode, or bytes are left over.
            Refused: It is another move than those above, or we hold no key for it.
        """
        if len(fields) != _FIELDS[tag]:
            raise MalformedPayload(f"a {tag!r} payload has {_FIELDS[tag]} fields, not {len(fields)}")
        outer = read_outer(fields[-1], self._safe.chain_id)
        if tag == SWEEP_TAG:
            return self._sweep(decimal(fields[0]), fields[1], outer, fields[2])
        if tag == TOP_UP_TAG:
            return self._top_up(decimal(fields[0]), fields[1], outer, fields[2])
        return self._fill(fields[0], outer, fields[1])

    def _sweep(self, index: int, account: bytes, outer: Outer, raw: bytes) -> Understood:
        path = self._deposit_path(index, account)
        if path in self._accounts:
            raise Refused(f"wallet {self._safe.id}: {path} is not a deposit account")
        # The Safe's address is our own registration: what reaches it never left the wallet.
        brought = self._swept(outer)
        if brought.units == 0:
            raise Refused(f"wallet {self._safe.id}: a sweep of nothing")
        return self._understood((self._safe.safe, brought), outer.fee_max_wei, (account, outer, path, raw))

    def _swept(self, outer: Outer) -> Amount:
        if outer.to == self._safe.safe and not outer.call:
            return Amount(outer.value, self._safe.native)
        token = self._safe.tokens.get(outer.to)
        if token is None or outer.value or outer.call[:4] != _TRANSFER:
            raise Refused(
                f"wallet {self._safe.id}: a sweep brings coins or a registered token to the Safe, nothing else"
            )
        arguments = Arguments(outer.call[4:], heads=2)
        arguments.tails()
        if arguments.address(0) != self._safe.safe:
            raise Refused(f"wallet {self._safe.id}: the sweep goes to {eip55(arguments.address(0))}, not to the Safe")
        return Amount(arguments.number(1), token)

    def _top_up(self, index: int, account: bytes, outer: Outer, raw: bytes) -> Understood:
        self._deposit_path(index, account)
        station = self._safe.station
        if station is None or outer.to != account or outer.call or outer.value == 0:
            raise Refused(f"wallet {self._safe.id}: the gas station pays coins to its deposit accounts, nothing else")
        brought = Amount(outer.value, self._safe.native)
        origin = (station, outer, self._path_of(station), raw)
        return self._understood((account, brought), outer.fee_max_wei + outer.value, origin)

    def _fill(self, account: bytes, outer: Outer, raw: bytes) -> Understood:
        if account not in (self._safe.sender, self._safe.station):
            raise Refused(f"wallet {self._safe.id}: {account.hex()} is neither the sender nor the gas station")
        if outer.to != account or outer.call or outer.value:
            raise Refused(f"wallet {self._safe.id}: a filler sends nothing, to itself")
        return self._understood(None, outer.fee_max_wei, (account, outer, self._path_of(account), raw))

    def _deposit_path(self, index: int, account: bytes) -> str:
        branch = self._safe.sweep
        if branch is None:
            raise Refused(f"wallet {self._safe.id}: no deposit accounts are registered")
        path = f"{branch.path}/0/{index}"
        if index >= branch.window:
            raise Refused(f"wallet {self._safe.id}: {path} is not a deposit account")
        if branch.account(index) != account:
            raise Refused(f"wallet {self._safe.id}: {account.hex()} is not deposit account {index}")
        return path

    def _path_of(self, account: bytes) -> str:
        for path, held in self._accounts.items():
            if held == account:
                return path
        raise Refused(f"wallet {self._safe.id}: this signer holds no key of {eip55(account)}")

    def _understood(
        self, brought: tuple[bytes, Amount] | None, fee_wei: int, origin: tuple[bytes, Outer, str, bytes]
    ) -> Understood:
        account, outer, path, raw = origin
        change = () if brought is None else ((Address(self._safe.chain, eip55(brought[0])), brought[1]),)
        key = f"evm:{self._safe.chain_id}:0x{account.hex()}:{outer.nonce}"
        summary = TransferSummary((), change, Amount(fee_wei, self._safe.native))
        return Understood(summary, key, (ToSign(0, path, keccak256(raw)),))

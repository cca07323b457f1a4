"""Transfers that keep accounts of ours working: gas for a deposit account, and nothing to oneself.

Rules:
    * A top-up goes from the gas station to a deposit account, which spends it on its own sweep. It is no
      deposit: the scanner passes over what comes from the station.
    * A filler sends nothing from an account to itself. It uses up a counter value that nothing else holds,
      so that the transactions behind it are mined.
    * Station, sender and deposit accounts are three keys with counters of their own: none delays another.

Example:
    move = top_up(wallet, index=7, value_wei=10**15, gas=gas)
    need = move.next_need(())       # role SENDER
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from custody.chains.evm.address import address_bytes, address_of
from custody.chains.evm.conflict import account_key
from custody.chains.evm.deposit import DepositBranch
from custody.chains.evm.outer_tx import Gas, OuterTx, is_signed, txid_of
from custody.chains.evm.plan import SenderState
from custody.chains.evm.wallet import SafeWallet
from custody.chains.port import SignedTx
from custody.keys.ecdsa import verify_recoverable
from custody.keys.material import PublicKey, Signature, SigningNeed, SigningRole
from custody.primitives.amount import Amount
from custody.primitives.encoding import encode
from custody.primitives.errors import BadSignature, InsufficientFunds, InvalidInput, LimitExceeded, QuorumNotReached

TOP_UP_TAG = "mext/evm-top-up/1"
FILL_TAG = "mext/evm-fill/1"
TRANSFER_GAS = 21_000
"""A transfer to an ordinary account."""


@dataclass(frozen=True, slots=True)
class AccountMove:
    """An unsigned transfer by an account that pays gas.

    Attributes:
        wallet: Whose account it is.
        payer: Key of the account.
        gas: What the transaction consumes of it.
        to: Deposit account, or the payer itself, EIP-55.
        value_wei: What it moves; 0 for a filler.
        index: Place of the deposit account; None for a filler.
    """

    wallet: SafeWallet
    payer: PublicKey
    gas: Gas
    to: str
    value_wei: int
    index: int | None

    @property
    def conflict_key(self) -> str:
        """The payer's counter value."""
        return account_key(self.wallet.params.chain_id, address_of(self.payer), self.gas.nonce)

    def next_need(self, signatures: Sequence[Signature]) -> SigningNeed | None:
        """The payer's signature, in role SENDER."""
        outer = self._outer()
        if any(each.key == self.payer and is_signed(each, outer.signing_hash()) for each in signatures):
            return None
        account = address_bytes(self.to)
        if self.index is None:
            return SigningNeed(SigningRole.SENDER, encode(FILL_TAG, account, outer.unsigned()), 1)
        return SigningNeed(SigningRole.SENDER, encode(TOP_UP_TAG, self.index, account, outer.unsigned()), 1)

    def assemble(self, signatures: Sequence[Signature]) -> SignedTx:
        """Verify the signature and put the raw transaction together.

        Raises:
            BadSignature: It does not verify, or is by another key.
            QuorumNotReached: There is none.
        """
        outer = self._outer()
        if not signatures:
            raise QuorumNotReached("the account has not signed", signed=0, threshold=1)
        for signature in signatures:
            if signature.key != self.payer:
                raise BadSignature(f"key {signature.key.raw.hex()} is not that of {address_of(self.payer)}")
            verify_recoverable(signature.key, outer.signing_hash(), signature.value)
        raw = outer.signed(signatures[0].value)
        fee = Amount(self.gas.fee_max_wei, self.wallet.params.native)
        return SignedTx(txid_of(raw), raw, self.conflict_key, fee)

    def _outer(self) -> OuterTx:
        return OuterTx(self.wallet.params.chain_id, self.gas, self.to, self.value_wei, b"")


def top_up(wallet: SafeWallet, index: int, value_wei: int, station: SenderState) -> AccountMove:
    """Plan gas for a deposit account.

    Args:
        wallet: With a gas station and deposit accounts.
        index: Which account.
        value_wei: Just what its sweep needs.
        station: What the gas station has to offer.

    Raises:
        InvalidInput: The wallet has no gas station or no deposit accounts, or the value is not positive.
        LimitExceeded: The index is outside the window, or the price above the cap.
        InsufficientFunds: The station holds too little: fill it up.
    """
    branch: DepositBranch | None = wallet.deposits
    if wallet.station is None or branch is None or value_wei <= 0:
        raise InvalidInput(f"wallet {wallet.id}: no gas station, no deposit accounts, or a top-up of {value_wei} wei")
    gas = _gas(wallet, station)
    if value_wei + gas.fee_max_wei + wallet.params.pricing.layer_fee_wei > station.wei:
        raise InsufficientFunds(
            f"{wallet.id}: the gas station holds {station.wei} wei, a top-up takes {value_wei + gas.fee_max_wei}",
            asset=wallet.params.native.key,
        )
    return AccountMove(wallet, wallet.station, gas, branch.address(index), value_wei, index)


def filler(wallet: SafeWallet, nonce: int, sender: SenderState) -> AccountMove:
    """Plan a transfer of nothing by the sender to itself.

    Args:
        wallet: Whose sender.
        nonce: The counter value to use up.
        sender: What the account has to offer.

    Raises:
        LimitExceeded: The price is above the cap.
        InsufficientFunds: The sender cannot pay the gas.
    """
    gas = _gas(wallet, sender)
    gas = Gas(nonce, gas.tip_wei_per_gas, gas.fee_wei_per_gas, gas.limit)
    if gas.fee_max_wei + wallet.params.pricing.layer_fee_wei > sender.wei:
        raise InsufficientFunds(f"{wallet.id}: the sender holds {sender.wei} wei, gas may cost {gas.fee_max_wei}")
    return AccountMove(wallet, wallet.sender, gas, wallet.sender_address, 0, None)


def _gas(wallet: SafeWallet, payer: SenderState) -> Gas:
    pricing = wallet.params.pricing
    if payer.fee_wei_per_gas > pricing.fee_cap_wei_per_gas:
        raise LimitExceeded(f"{wallet.id}: {payer.fee_wei_per_gas} wei per gas is above the configured cap")
    return payer.gas(TRANSFER_GAS + pricing.extra_gas)

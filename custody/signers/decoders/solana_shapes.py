"""The three shapes of Solana transaction a signer accepts, read instruction by instruction.

    unwrap   AdvanceNonce, SyncNative*, CreateAccountWithSeed, InitializeAccount3,
             TransferChecked+ (wrapped SOL -> throw-away account), CloseAccount (-> fee payer),
             Transfer+ (fee payer -> destinations, together exactly what was unwrapped)
    token    AdvanceNonce, (CreateIdempotent, TransferChecked+)+
    collect  AdvanceNonce, SyncNative*, TransferChecked+ (-> our own vault)

Rules:
    * The order is fixed, so SetAuthority, a second AdvanceNonce or a spare CloseAccount has no place.
    * Throw-away account, associated accounts and vaults are re-derived, never believed.
    * An account is writable exactly where an instruction needs it.
    * A source needs no proof: the token program lets our multisig spend from its own accounts only.

Example:
    meaning = ShapeReader(wallet, message).read()
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import base58

from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.asset import Asset
from custody.primitives.chain import ChainId
from custody.primitives.errors import Refused
from custody.signers.decoders.solana_message import WireInstruction, WireMessage, program_address, with_seed_address

SYSTEM = "11111111111111111111111111111111"
TOKEN = "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"  # noqa: S105 - a program, not a password
ASSOCIATED = "ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL"
BLOCKHASHES = "SysvarRecentB1ockHashes11111111111111111111"
WRAPPED_SOL = "So11111111111111111111111111111111111111112"

_ADVANCE_NONCE = bytes([4, 0, 0, 0])
_CREATE_WITH_SEED = bytes([3, 0, 0, 0])
_TRANSFER = bytes([2, 0, 0, 0])
_CREATE_IDEMPOTENT = bytes([1])
_CLOSE = bytes([9])
_TRANSFER_CHECKED = bytes([12])
_SYNC_NATIVE = bytes([17])
_INITIALIZE_ACCOUNT_3 = bytes([18])
_TOKEN_ACCOUNT_BYTES = 165
_MAX_SEED_BYTES = 32


class UnknownShape(Refused):
    """The transaction decodes, but is not one of the shapes a signer accepts."""

    code = "unknown_solana_shape"


@dataclass(frozen=True, slots=True)
class RegisteredSplWallet:
    """A wallet as the signer's own folder describes it; keys and accounts are base58.

    Attributes:
        id: Id of the wallet.
        chain: Its network.
        threshold: Members that sign.
        members: Key -> derivation path.
        fee_payer: The one key that may be debited.
        fee_payer_path: Its derivation path.
        multisig: Owner of all its token accounts.
        nonces: Its durable-nonce accounts.
        by_mint: The mints it knows; wrapped SOL stands for SOL.
        native: SOL.
        signature_fee: Lamports a signature.
        account_rent: Lamports a token account keeps.
    """

    id: str
    chain: ChainId
    threshold: int
    members: Mapping[str, str]
    fee_payer: str
    fee_payer_path: str
    multisig: str
    nonces: frozenset[str]
    by_mint: Mapping[str, Asset]
    native: Asset
    signature_fee: int
    account_rent: int


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a message does.

    Attributes:
        nonce: The durable-nonce account it uses up.
        paid: Destinations and amounts, in order.
        rent: Lamports left behind in accounts it may open for others.
    """

    nonce: str
    paid: tuple[tuple[Address, Amount], ...]
    rent: int


@dataclass(frozen=True, slots=True)
class _Body:
    paid: tuple[tuple[Address, Amount], ...]
    drawn: frozenset[str]
    rent: int


class ShapeReader:
    """Reads one message; used once."""

    def __init__(self, wallet: RegisteredSplWallet, message: WireMessage) -> None:
        self._wallet = wallet
        self._steps = list(message.instructions)
        self._writable = message.writable
        self._signing = tuple(sorted(message.signers[1:]))
        self._written = {wallet.fee_payer}

    def read(self) -> Meaning:
        """Read all instructions.

        Raises:
            UnknownShape: One is missing, has no place, or names other accounts or sums than it must.
        """
        nonce = self._advance_nonce()
        synced = self._take_synced()
        body = self._body()
        if not synced <= body.drawn:
            raise UnknownShape("SyncNative on an account that is not drawn from")
        if body.drawn & self._written:
            raise UnknownShape("an account is drawn from and paid: it would gain less than is stated")
        if self._written | {nonce} | body.drawn != self._writable:
            raise UnknownShape("an account is writable that need not be, or the reverse")
        return Meaning(nonce, body.paid, body.rent)

    def _advance_nonce(self) -> str:
        step = self._next(SYSTEM, "AdvanceNonce first")
        nonce, *others = step.accounts
        if (
            step.content != _ADVANCE_NONCE
            or nonce not in self._wallet.nonces
            or others != [BLOCKHASHES, self._wallet.fee_payer]
        ):
            raise UnknownShape("the first instruction does not advance a nonce of this wallet")
        return nonce

    def _take_synced(self) -> set[str]:
        synced: set[str] = set()
        while self._steps and self._steps[0].program == TOKEN and self._steps[0].content == _SYNC_NATIVE:
            accounts = self._steps.pop(0).accounts
            if len(accounts) != 1 or accounts[0] in synced:
                raise UnknownShape("SyncNative names one account, once")
            synced.add(accounts[0])
        return synced

    def _body(self) -> _Body:
        if not self._steps:
            raise UnknownShape("the transaction pays nobody")
        if self._steps[0].program == SYSTEM:
            return self._unwrap()
        if self._steps[0].program == ASSOCIATED:
            return self._pay_tokens()
        return self._collect()

    def _unwrap(self) -> _Body:
        scratch = self._open_scratch()
        drawn, units = self._transfers(scratch, WRAPPED_SOL)
        close = self._next(TOKEN, "CloseAccount")
        if close.content != _CLOSE or close.accounts != (scratch, self._wallet.fee_payer, self._wallet.fee_payer):
            raise UnknownShape("the throw-away account is not closed to the fee payer")
        paid = []
        while self._steps:
            step = self._next(SYSTEM, "Transfer")
            if step.content[:4] != _TRANSFER or len(step.content) != 12 or len(step.accounts) != 2:
                raise UnknownShape("after CloseAccount only transfers of lamports may follow")
            if step.accounts[0] != self._wallet.fee_payer:
                raise UnknownShape("lamports leave another account than the fee payer")
            self._written.add(step.accounts[1])
            paid.append((self._place(step.accounts[1]), self._amount(_u64(step.content[4:]), WRAPPED_SOL)))
        passed_on = sum(amount.units for _, amount in paid)
        if passed_on != units:
            raise UnknownShape(f"{units} lamports unwrapped, {passed_on} paid out", asked=passed_on, limit=units)
        return _Body(tuple(paid), drawn, 0)

    def _open_scratch(self) -> str:
        create = self._next(SYSTEM, "CreateAccountWithSeed")
        seed = create.content[44:-48]
        expected = _CREATE_WITH_SEED + base58.b58decode(self._wallet.fee_payer) + _le64(len(seed)) + seed
        expected += _le64(self._wallet.account_rent) + _le64(_TOKEN_ACCOUNT_BYTES) + base58.b58decode(TOKEN)
        scratch = with_seed_address(self._wallet.fee_payer, seed, TOKEN)
        if not 0 < len(seed) <= _MAX_SEED_BYTES or create.content != expected:
            raise UnknownShape("not a throw-away token account of the fee payer")
        if create.accounts != (self._wallet.fee_payer, scratch):
            raise UnknownShape("the throw-away account is not the one its seed derives")
        start = self._next(TOKEN, "InitializeAccount3")
        owned = _INITIALIZE_ACCOUNT_3 + base58.b58decode(self._wallet.fee_payer)
        if start.content != owned or start.accounts != (scratch, WRAPPED_SOL):
            raise UnknownShape("the throw-away account is not one for wrapped SOL of the fee payer")
        return scratch

    def _pay_tokens(self) -> _Body:
        opened: set[str] = set()
        drawn: set[str] = set()
        paid = []
        while self._steps:
            create = self._next(ASSOCIATED, "CreateIdempotent")
            if create.content != _CREATE_IDEMPOTENT or len(create.accounts) != 6:
                raise UnknownShape("not CreateIdempotent")
            payer, account, owner, mint, *programs = create.accounts
            if payer != self._wallet.fee_payer or programs != [SYSTEM, TOKEN] or mint == WRAPPED_SOL:
                raise UnknownShape("CreateIdempotent with other accounts than ours")
            if account != self._associated(owner, mint):
                raise UnknownShape(f"{account} is not the token account of {owner}")
            sources, units = self._transfers(account, mint)
            opened.add(account)
            drawn |= sources
            paid.append((self._place(owner), self._amount(units, mint)))
        return _Body(tuple(paid), frozenset(drawn), self._wallet.account_rent * len(opened))

    def _collect(self) -> _Body:
        mint = self._steps[0].accounts[1] if len(self._steps[0].accounts) > 1 else ""
        vault = self._associated(self._wallet.multisig, mint) if mint in self._wallet.by_mint else ""
        if not vault:
            raise UnknownShape("neither a payment nor a transfer of a pinned mint to our vault")
        drawn, units = self._transfers(vault, mint)
        if self._steps or vault in drawn:
            raise UnknownShape("more than a collection into our vault")
        to = self._place(vault if mint == WRAPPED_SOL else self._wallet.multisig)
        return _Body(((to, self._amount(units, mint)),), drawn, 0)

    def _transfers(self, destination: str, mint: str) -> tuple[frozenset[str], int]:
        """Take the TransferChecked to one destination that stand next; at least one."""
        asset = self._wallet.by_mint.get(mint)
        drawn: set[str] = set()
        total = 0
        while self._steps and self._steps[0].program == TOKEN and self._steps[0].content[:1] == _TRANSFER_CHECKED:
            step = self._next(TOKEN, "TransferChecked with accounts")
            source, *others = step.accounts
            if asset is None or len(step.content) != 10 or step.content[9] != asset.decimals:
                raise UnknownShape(f"TransferChecked of {mint}, which is not pinned with these decimals")
            if others[:3] != [mint, destination, self._wallet.multisig] or tuple(sorted(others[3:])) != self._signing:
                raise UnknownShape(f"TransferChecked not of our multisig, or not to {destination}")
            if source in drawn or source == destination:
                raise UnknownShape(f"{source} is drawn from twice")
            drawn.add(source)
            self._written.add(destination)
            total += _u64(step.content[1:9])
        if total == 0:
            raise UnknownShape(f"no value goes to {destination}")
        return frozenset(drawn), total

    def _associated(self, owner: str, mint: str) -> str:
        return program_address((owner, TOKEN, mint), ASSOCIATED)

    def _place(self, text: str) -> Address:
        return Address(self._wallet.chain, text)

    def _amount(self, units: int, mint: str) -> Amount:
        if units == 0:
            raise UnknownShape("a payment of nothing")
        return Amount(units, self._wallet.by_mint[mint])

    def _next(self, program: str, expected: str) -> WireInstruction:
        if not self._steps or self._steps[0].program != program or not self._steps[0].accounts:
            raise UnknownShape(f"expected {expected}")
        return self._steps.pop(0)


def _u64(raw: bytes) -> int:
    return int.from_bytes(raw, "little")


def _le64(value: int) -> bytes:
    return value.to_bytes(8, "little")

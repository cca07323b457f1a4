"""What a plan spends (`SplState`) and the plan itself (`SplPlan`): plain values.

Rules:
    * A plan holds meaning, not bytes; `message.message_bytes` makes the bytes, always the same ones.
    * The durable nonce's value is the conflict key: the network executes at most one transaction with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from custody.chains.port import WalletBusy
from custody.primitives.asset import Asset
from custody.primitives.errors import MalformedPayload

NONCE_KEY = "solnonce"
SPEND_KEY = "solspend"


class NoFreeNonce(WalletBusy):
    """Every durable nonce of the wallet is in use; one becomes free when its payment is final."""

    code = "no_free_nonce"


@dataclass(frozen=True, slots=True)
class Nonce:
    """A durable nonce.

    Attributes:
        account: Address of the nonce account.
        value: Its present value, a base58 hash of 32 bytes, used as the transaction's blockhash.
    """

    account: str
    value: str

    @property
    def key(self) -> str:
        """The conflict key."""
        return f"{NONCE_KEY}:{self.account}:{self.value}"

    @classmethod
    def parse_key(cls, key: str) -> Nonce:
        """Inverse of `key`.

        Raises:
            MalformedPayload: Not such a key.
        """
        kind, _, rest = key.partition(":")
        account, _, value = rest.partition(":")
        if kind != NONCE_KEY or not account or not value:
            raise MalformedPayload(f"{key[:120]!r} is not a Solana conflict key")
        return cls(account, value)


@dataclass(frozen=True, slots=True)
class Source:
    """A token account of ours that can be spent from.

    Attributes:
        account: Its address.
        asset: SOL for wrapped SOL.
        units: What can be spent: token units, or lamports above the account's rent.
        stale: Lamports arrived that the token amount does not show yet; spending needs SyncNative first.
    """

    account: str
    asset: Asset
    units: int
    stale: bool


@dataclass(frozen=True, slots=True)
class SplState:
    """What the wallet can spend now.

    Attributes:
        fee_payer_lamports: Balance of the fee payer.
        nonces: Nonces that no payment in flight uses.
        sources: Accounts with money, less what payments in flight will take.
    """

    fee_payer_lamports: int
    nonces: tuple[Nonce, ...]
    sources: tuple[Source, ...]


class Route(StrEnum):
    """How the money reaches its destination."""

    UNWRAP = "unwrap"  # wrapped SOL -> throw-away account -> fee payer -> exact lamports to the destination
    TOKEN = "token"  # token -> associated token account of the destination  # noqa: S105 - not a password
    COLLECT = "collect"  # deposit accounts -> own vault, no change of form


@dataclass(frozen=True, slots=True)
class Draw:
    """What is taken from one source, above zero."""

    account: str
    units: int
    stale: bool


@dataclass(frozen=True, slots=True)
class SplPayment:
    """What one destination gets, above zero; `to` is the address of the intent."""

    to: str
    units: int


@dataclass(frozen=True, slots=True)
class SplPlan:
    """An unsigned transaction of one wallet.

    Attributes:
        wallet_id: Which wallet.
        nonce: Its blockhash and conflict key.
        members: The members that sign, base58, as many as the threshold, in wallet order.
        asset: What is paid: one asset a transaction.
        route: How.
        draws: Where from; the sum equals the sum of `payments`.
        payments: Where to.
        scratch_seed: Seed of the throw-away account; empty unless UNWRAP.
    """

    wallet_id: str
    nonce: Nonce
    members: tuple[str, ...]
    asset: Asset
    route: Route
    draws: tuple[Draw, ...]
    payments: tuple[SplPayment, ...]
    scratch_seed: str

    def reservations(self, fee_payer: tuple[str, int]) -> tuple[str, ...]:
        """The conflict key, what is taken from each source, then what the fee payer carries.

        Args:
            fee_payer: Its address, and lamports.
        """
        nonce = f"{self.nonce.account}:{self.nonce.value}"
        taken = [*((draw.account, draw.units) for draw in self.draws), fee_payer]
        return (self.nonce.key, *(f"{SPEND_KEY}:{account}:{units}:{nonce}" for account, units in taken))


@dataclass(frozen=True, slots=True)
class ReservedSpend:
    """A payment in flight, as its reservation names it."""

    account: str
    units: int
    nonce: Nonce

    @classmethod
    def parse(cls, name: str) -> ReservedSpend | None:
        """Read a reservation; None if it is of another kind.

        Raises:
            MalformedPayload: It is of this kind, but does not parse.
        """
        kind, *fields = name.split(":")
        if kind != SPEND_KEY:
            return None
        if len(fields) != 4 or not fields[1].isdecimal():
            raise MalformedPayload(f"{name[:160]!r} is not a Solana spend reservation")
        account, units, nonce_account, nonce_value = fields
        return cls(account, int(units), Nonce(nonce_account, nonce_value))

"""What one chain contributes to an installation, whatever its family."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from custody.chains.port import SignedTx
from custody.keys.material import PublicKey, Signer
from custody.monitor.rules import LaneReading
from custody.nodes.jsonrpc import Endpoint, JsonRpc
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.asset import Asset
from custody.primitives.chain import Chain, ChainId
from custody.primitives.secret import Secret
from custody.signers.client import RemoteSigner
from custody.wallets.addresses import AddressDesk
from custody.wallets.gas_loans import GasLoanStore, LentGas
from custody.wallets.memos import MemoDesk
from custody.wallets.ports import CoinRecords, DepositStore, MemoStore
from custody.wallets.scanner import BlockSource
from custody.wallets.sweep import SweepLane, SweepStore
from custody.withdrawals.lanes import AnyLane, Member
from custody.withdrawals.ports import WithdrawalStore
from exchange.app.blueprint import ChainSpec, WalletSpec
from exchange.app.checked_signers import CheckedSigner
from exchange.settlement.reserves import ReserveSource


@dataclass(frozen=True, slots=True)
class Records:
    """What is on disk about our own transactions and coins, for families that look after their accounts."""

    withdrawals: WithdrawalStore
    sweeps: SweepStore
    gas_loans: GasLoanStore
    coins: CoinRecords


@dataclass(frozen=True, slots=True)
class Ingredients:
    """What a family needs to build its parts.

    Attributes:
        chain: How to reach the chain.
        hot, cold: The first hot wallet on it, which receives deposits and sweeps, and the cold one.
        signers: Signer processes by name.
        sender: Name of the signer that pays fees.
        deposits: Store of handed-out addresses.
        deposit_limit: Solana deposit accounts opened so far.
        folder: Where second libraries may keep files.
        records: Our own transactions.
        memos: Numbers of customers who share an address.
        more_hot: Further hot wallets, which only pay.
        warm: The wallet that refills the hot one; None where there is none.
    """

    chain: ChainSpec
    hot: WalletSpec
    cold: WalletSpec
    signers: Mapping[str, RemoteSigner]
    sender: str
    deposits: DepositStore
    deposit_limit: int
    folder: Path
    records: Records
    memos: MemoStore
    more_hot: tuple[WalletSpec, ...] = ()
    warm: WalletSpec | None = None

    def rpc(self) -> JsonRpc:
        """A client for the chain's node."""
        name, cookie = self.chain.chain, self.chain.cookie
        if not cookie:
            return JsonRpc(Endpoint(name, self.chain.url))
        user, _, password = Path(cookie).read_text().strip().partition(":")
        return JsonRpc(Endpoint(name, self.chain.url, user=user, password=Secret(password.encode())))

    def members(self, keys: Mapping[str, PublicKey], wallet: WalletSpec | None = None) -> tuple[Member, ...]:
        """Pair a hot wallet's keys with their signer processes, which show their keys before they are asked.

        Args:
            keys: Signer name -> key the wallet was made with.
            wallet: Which; the first hot wallet if None.
        """
        spec = wallet or self.hot
        chain = ChainId(self.chain.chain)
        names = [member.signer for member in spec.members]
        return tuple(
            Member(CheckedSigner(name, self.signers[name], chain, spec.id, keys[name]), keys[name]) for name in names
        )


@dataclass(frozen=True, slots=True)
class TokenTier:
    """A token that the wallets of a chain hold.

    Attributes:
        asset: The token.
        hot, cold: What each tier holds of it, deposit accounts included in hot.
        hot_address, cold_address: Where each tier receives it: not everywhere where it receives the coin.
        warm: What the warm wallet holds of it; None where there is none.
    """

    asset: Asset
    hot: Callable[[], Amount]
    cold: Callable[[], Amount]
    hot_address: Address
    cold_address: Address
    warm: Callable[[], Amount] | None = None


@dataclass(frozen=True, slots=True)
class FurtherLane:
    """A further hot wallet of a chain: it pays beside the first one and receives no deposits.

    Attributes:
        lane: Pays from it.
        address: Where it receives what the treasury moves to it.
        upkeep, repair: As in `ChainParts`.
    """

    lane: AnyLane
    address: Address
    upkeep: Callable[[], object] | None = None
    repair: Callable[[], object] | None = None


@dataclass(frozen=True, slots=True)
class WarmTier(FurtherLane):
    """The wallet that refills the hot one: paid from it is what a refill request asks for, and nothing else.

    Attributes:
        balance: What it holds.
    """

    balance: Callable[[], Amount] = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class ChainParts:
    """One chain, ready to work.

    Attributes:
        chain, native, evidence: What it is; `evidence` says "node", "VM" or "simulator".
        lane: Pays from the hot wallet.
        source: Blocks for the deposit scanner.
        desk: Hands out deposit addresses.
        hot_address, cold_address: Where the tiers receive.
        hot_balance, cold_balance: What they hold, deposit accounts included in hot.
        reserves: The asset side of statements.
        sources: How many nodes must agree about a block, and which.
        sweeps: Lane of its own for deposit accounts; None where coins land in the wallet itself.
        sweep_signer: Signs the sweeps.
        tokens: What the wallet pays and receives beside the native coin.
        token_places: Deposit index -> where its customer pays each token, by symbol; None where at the coin's address.
        lent_gas: What a gas station of ours added to the wallet: there, and owed to nobody.
        upkeep: Looks after the accounts that pay fees; a VerificationFailed from it stops the chain.
        repair: Frees the hot wallet from payments that can never be executed.
        further: Its further hot wallets; what they hold counts as hot.
        watch: Compares the wallets on chain with their registration, block by block; likewise.
        opening_units: Base units that lay on the wallets when they were opened: ours, and in nobody's books.
        born_height: First block that can hold a deposit.
        fee_paid: What the wallet itself paid for a final payment; None where a float pays that is no reserve.
        memos: Where all customers share one address: the desk that gives each a memo.
        warm: The warm wallet; None where there is none.
        counters: Read for the monitor whether every use of a wallet's own counter is ours.
    """

    chain: Chain
    native: Asset
    evidence: str
    lane: AnyLane
    source: BlockSource
    desk: AddressDesk
    hot_address: Address
    cold_address: Address
    hot_balance: Callable[[], Amount]
    cold_balance: Callable[[], Amount]
    reserves: ReserveSource
    sweeps: SweepLane | None = None
    sweep_signer: Signer | None = None
    tokens: tuple[TokenTier, ...] = ()
    token_places: Callable[[int], Mapping[str, Address]] | None = None
    lent_gas: Callable[[], LentGas] = LentGas
    upkeep: Callable[[], object] | None = None
    watch: Callable[[], object] | None = None
    repair: Callable[[], object] | None = None
    further: tuple[FurtherLane, ...] = ()
    sources: str = "one source"
    opening_units: int = 0
    born_height: int = 0
    fee_paid: Callable[[SignedTx], Amount] | None = None
    memos: MemoDesk | None = None
    warm: WarmTier | None = None
    counters: tuple[Callable[[], LaneReading], ...] = ()

    def beside(self) -> tuple[FurtherLane, ...]:
        """Everything that pays beside the first hot wallet: further ones, then the warm one."""
        return self.further if self.warm is None else (*self.further, self.warm)

    def lanes(self) -> tuple[AnyLane, ...]:
        """All lanes that pay on this chain: the first hot one, further ones, the warm one."""
        return (self.lane, *(each.lane for each in self.beside()))

    def own_places(self) -> frozenset[str]:
        """Where our own wallets receive."""
        warm = () if self.warm is None else (self.warm.address,)
        return frozenset(place.text for place in (*self.hot_addresses(), *warm, self.cold_address))

    def held(self) -> tuple[int, int, int]:
        """What hot, warm and cold hold now, base units.

        Raises:
            NodeUnavailable: The node does not answer.
        """
        warm = 0 if self.warm is None else self.warm.balance().units
        return self.hot_balance().units, warm, self.cold_balance().units

    def hot_addresses(self) -> tuple[Address, ...]:
        """Where each hot wallet receives, the first one first."""
        return (self.hot_address, *(each.address for each in self.further))

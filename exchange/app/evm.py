"""The parts of an EVM chain: hot, warm and cold Safes, tokens, deposit accounts that are swept into the hot one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from custody.chains.evm.broadcaster import EvmBroadcaster
from custody.chains.evm.codec import SafeCodec
from custody.chains.evm.node import EvmNode
from custody.chains.evm.plan import SafePlan, SafeState
from custody.chains.evm.reader import SafeReader
from custody.chains.evm.trial import SafeTrial
from custody.chains.evm.verify import verify_safe, verify_tokens
from custody.chains.evm.wallet import SafeWallet
from custody.chains.evm.watch import SafeWatch
from custody.chains.registry import CHAINS
from custody.keys.crosscheck import crosscheck_evm
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.asset import Asset
from custody.primitives.chain import Family
from custody.primitives.errors import NodeUnavailable
from custody.wallets.addresses import AddressDesk, Siblings
from custody.withdrawals.facts import Tier
from custody.withdrawals.lanes import Lane
from exchange.app.blueprint import InvalidBlueprint, WalletSpec
from exchange.app.chain_parts import ChainParts, FurtherLane, Ingredients, TokenTier, WarmTier
from exchange.app.evm_moves import DAILY_GAS_WEI, SafeMoves
from exchange.app.evm_rejections import SafeRejecter
from exchange.app.evm_safe_counter import SafeCounter
from exchange.app.evm_upkeep import SenderUpkeep
from exchange.app.gas_station import Station, station_of
from exchange.app.reserve_sources import SafeReserves, TierReader
from exchange.app.wallets import safe_wallet

BUMP_AFTER_MS = 45_000
"""Some blocks of the slowest chain: what is not taken by then offers too little."""
EVM_SIBLINGS = Siblings(tuple(row.id for row in CHAINS.values() if row.family is Family.EVM))
"""Every EVM network: their deposit accounts are derived alike."""


def evm_parts(given: Ingredients) -> ChainParts:
    """Build the parts.

    Raises:
        WrongNetwork: The node serves another chain id.
        CrossCheckFailed: A second library derives another address of an owner.
        TokenDiffers: A listed token is none, or has other decimals.
        SafeChanged: Owners, threshold, modules, guard or code differ from the registration.
        NodeUnavailable: The node does not answer.
    """
    hot, cold = safe_wallet(given.hot), safe_wallet(given.cold)
    more = tuple(safe_wallet(spec) for spec in given.more_hot)
    warm: tuple[SafeWallet, ...] = () if given.warm is None else (safe_wallet(given.warm),)
    _require_apart((hot, *more, *warm))
    node = EvmNode(given.rpc(), hot.params)
    node.require_chain()
    for wallet in (hot, *more, *warm, cold):
        _verify(node, wallet)
    floats = frozenset(wallet.sender_address for wallet in (hot, *more, *warm))
    station = station_of(given, DAILY_GAS_WEI, floats)
    first, *further = [
        _paying(given, node, station, each) for each in ((given.hot, hot), *zip(given.more_hot, more, strict=True))
    ]
    watch = SafeWatch(node, (hot, *more, *warm, cold))
    accounts = _Accounts(first.reader, given, watch, tuple(wallet.address for wallet in more))
    chain, native = hot.params.chain, hot.params.native
    tiers = [(TierReader(wallet.id, "hot"), wallet) for wallet in (hot, *more)]
    tiers += [(TierReader(wallet.id, "warm"), wallet) for wallet in warm]
    warm_tier, counted = None, [first, *further]
    if given.warm is not None:
        refilling = _paying(given, node, station, (given.warm, warm[0]), Tier.WARM)
        warm_tier = WarmTier(
            *(refilling.lane, warm[0].address, refilling.upkeep.step, refilling.rejecter.step),
            balance=partial(first.reader.balance, warm[0].address, native),
        )
        counted.append(refilling)
    return ChainParts(
        *(chain, native, given.chain.evidence, first.lane, first.reader),
        AddressDesk(chain.id, accounts.derive, accounts.cross_check, given.deposits, EVM_SIBLINGS),
        *(hot.address, cold.address),
        *accounts.balances_of(native, cold.address),
        SafeReserves([*tiers, (TierReader(cold.id, "cold"), cold)], node, accounts.all),
        first.moves,
        given.signers[given.sender],
        tokens=tuple(
            accounts.tier_of(token, cold.address, *(wallet.address for wallet in warm)) for token in hot.tokens
        ),
        lent_gas=first.moves.lent,
        upkeep=first.upkeep.step,
        repair=first.rejecter.step,
        further=tuple(
            FurtherLane(each.lane, each.reader.wallet.address, each.upkeep.step, each.rejecter.step) for each in further
        ),
        watch=watch.step,
        warm=warm_tier,
        counters=tuple(each.counter.read for each in counted),
    )


@dataclass(frozen=True, slots=True)
class _Paying:
    """Everything over one Safe that pays."""

    lane: Lane[SafeState, SafePlan]
    reader: SafeReader
    moves: SafeMoves
    upkeep: SenderUpkeep
    rejecter: SafeRejecter
    counter: SafeCounter


def _paying(
    given: Ingredients, node: EvmNode, station: Station, each: tuple[WalletSpec, SafeWallet], tier: Tier = Tier.HOT
) -> _Paying:
    spec, wallet = each
    reader, codec = SafeReader(wallet, node), SafeCodec(wallet)
    keys = {member.signer: owner.key for member, owner in zip(spec.members, wallet.owners, strict=True)}
    sender = given.signers[given.sender]
    lane = Lane(
        *(wallet.id, tier, wallet.params.native, codec, reader),
        (EvmBroadcaster(node),),
        given.members(keys, spec),
        wallet.threshold,
        (sender,),
        bump_after_ms=BUMP_AFTER_MS,
        is_one_act=True,
        trial=SafeTrial(wallet, node),
    )
    moves = SafeMoves(reader, station)
    records = (given.records.withdrawals, given.records.sweeps)
    upkeep = SenderUpkeep(reader, codec, moves, records, sender)
    rejecter = SafeRejecter(lane, codec, reader, moves, records)
    return _Paying(lane, reader, moves, upkeep, rejecter, SafeCounter(reader, given.records.withdrawals))


def _require_apart(hot: tuple[SafeWallet, ...]) -> None:
    """Refuse wallets that pay, the first one hot, and would share a counter, or deposits that two of them sweep.

    Raises:
        InvalidBlueprint: Two share a Safe or a sender, list other tokens, or a further one takes deposits.
    """
    first, *further = hot
    for each in further:
        if each.deposits is not None or each.station is not None:
            raise InvalidBlueprint(f"wallet {each.id}: deposits and their gas station belong to {first.id}")
        if each.tokens != first.tokens:
            raise InvalidBlueprint(f"wallet {each.id}: its tokens are not those of {first.id}")
    for field in ("safe", "sender_address"):
        if len({getattr(wallet, field) for wallet in hot}) != len(hot):
            raise InvalidBlueprint(f"{first.params.chain.id}: two paying wallets have the same {field}")


def _verify(node: EvmNode, wallet: SafeWallet) -> None:
    """Owners against a second library, then Safe and tokens on chain against the registration."""
    for owner in wallet.owners:
        crosscheck_evm(owner.key, owner.address)
    verify_safe(node, wallet)
    verify_tokens(node, wallet)


@dataclass(frozen=True, slots=True)
class _Accounts:
    """The deposit accounts of the hot wallet."""

    reader: SafeReader
    given: Ingredients
    watch: SafeWatch
    further: tuple[Address, ...]

    def derive(self, index: int) -> Address:
        wallet = self.reader.wallet
        if wallet.deposits is None:
            raise NodeUnavailable(f"{self.reader.chain.id}: no deposit accounts are configured")
        return Address(self.reader.chain.id, wallet.deposits.address(index))

    def cross_check(self, index: int, address: Address) -> None:
        self.watch.require_unchanged()  # what arrives there would go to a Safe that is not ours any more
        branch = self.reader.wallet.deposits
        if branch is not None:
            crosscheck_evm(branch.public_key(index), address.text)

    def all(self) -> list[Address]:
        return [self.derive(index) for index in range(self.given.deposits.next_index(self.reader.chain.id))]

    def tier_of(self, token: Asset, cold: Address, warm: Address | None = None) -> TokenTier:
        in_warm = None if warm is None else partial(self.reader.balance, warm, token)
        return TokenTier(token, *self.balances_of(token, cold), self.reader.wallet.address, cold, in_warm)

    def balances_of(self, asset: Asset, cold: Address) -> tuple[Callable[[], Amount], Callable[[], Amount]]:
        """What hot holds, further hot wallets and deposit accounts included, and what cold holds."""

        def hot_balance() -> Amount:
            total = self.reader.balance(self.reader.wallet.address, asset)
            others = (*self.further, *self.all())
            return sum((self.reader.balance(account, asset) for account in others), total)

        return hot_balance, lambda: self.reader.balance(cold, asset)

"""Composition: the one place that chooses implementations and puts an installation together.

Example:
    with Installation.open(Home(Path(".mext"))) as installation:
        serve(installation.rooms)
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from types import TracebackType
from typing import Self

from eth_account.signers.local import LocalAccount

from custody.chains.registry import chain_row
from custody.keys.private_files import make_private_folder, read_private
from custody.monitor.lease import RENEW_INTERVAL_S, LeaseKeeper
from custody.primitives.address import Address
from custody.primitives.asset import Asset
from custody.primitives.chain import ChainId, Family
from custody.primitives.ids import CustomerId
from custody.store.database import open_database
from exchange.app.blueprint import Blueprint, ChainSpec, InvalidBlueprint, MarketSpec, load_blueprint
from exchange.app.chain_parts import ChainParts, TokenTier
from exchange.app.core import Core
from exchange.app.custody_loops import custody_loops
from exchange.app.custody_room import CustodyRoom, connect_chains, open_custody, open_stores
from exchange.app.custody_steps import ChainBoard, deposit_dust
from exchange.app.governing import GovernanceLoop, IndexedListings
from exchange.app.home import Home
from exchange.app.operator import Operator, open_operator_account
from exchange.app.refilling import open_refills, refill_loops
from exchange.app.reserving import open_reserve_keys, open_reserves
from exchange.app.sealing import open_seals
from exchange.app.wallet_tiers import wallets_on, warm_on
from exchange.app.watching import watch_loops
from exchange.app.watching_lanes import lane_loops, stopped_watches
from exchange.app.worker import Loop, Worker
from exchange.projection.reading import trade_counts
from exchange.settlement.accounts import AccountDesk
from exchange.settlement.listings import ListingDesk
from exchange.settlement.market import Market
from exchange.settlement.rooms import Rooms, WalletRow
from exchange.settlement.scale import AssetScale, ScaleBook
from exchange.settlement.trading import TradingDesk
from exchange.settlement.treasury import Tiers, TreasuryDesk
from governance.contracts.deployment import load_deployment, verify_code
from governance.contracts.sending import connect
from governance.indexer.indexer import Indexer

MAX_TOKEN_BYTES = 256
SLOW_INTERVAL_S = 1.0


class Installation:
    """A running installation: its rooms and its background work."""

    def __init__(self, rooms: Rooms, closing: ExitStack) -> None:
        self.rooms = rooms
        self._closing = closing

    @classmethod
    def open(cls, home: Home) -> Installation:
        """Open everything below a home folder and start the background work.

        Raises:
            NotFound: Nothing is provisioned there.
            NodeUnavailable, SignerUnavailable: A chain or a signer does not answer.
            VerificationFailed: A wallet, a signer or a contract is not what the blueprint says.
            JournalLocked, JournalDamaged: See `Core.open`.
        """
        blueprint = load_blueprint(home.blueprint)  # first: a mistyped folder gets no journal
        with ExitStack() as stack:
            core = stack.enter_context(Core.open(home, time.time_ns))
            rooms, worker = _build(home, blueprint, core)
            worker.start()
            stack.callback(worker.stop)
            closing = stack.pop_all()
        return cls(rooms, closing)

    def close(self) -> None:
        """Stop the background work, then close the journal."""
        self._closing.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _build(home: Home, blueprint: Blueprint, core: Core) -> tuple[Rooms, Worker]:
    scales = _scales(blueprint)
    # Stretching the passphrase of a keystore releases the interpreter lock: chains are connected meanwhile.
    with ThreadPoolExecutor(max_workers=3) as pool:
        seals = pool.submit(open_seals, home)
        operator_account, reserve_keys = pool.submit(open_operator_account, home), pool.submit(open_reserve_keys, home)
        stores = open_stores(home, scales, seals.result())
        parts = tuple(connect_chains(home, blueprint, stores))
    require_same_assets(parts, scales)
    custody = open_custody(home, blueprint, core, scales, (parts, stores))
    accounts = AccountDesk(core, scales)
    trading = _trading(blueprint, core, scales)
    listings, indexer, operator = _listings(home, blueprint, trading, scales, operator_account.result())
    tiers = {part.native.symbol: _tiers(part, custody, scales) for part in parts}
    tiers |= {token.asset.symbol: _token_tiers(token, custody, scales) for part in parts for token in part.tokens}
    treasury = TreasuryDesk(tiers, scales, accounts.owed_quanta, custody.service, custody.planner)
    refills = open_refills(custody, treasury)
    board = ChainBoard(parts)
    make_private_folder(home.lease.parent)
    lease = LeaseKeeper(home.lease, lambda: stopped_watches(board.problems()))
    worker = Worker(
        [
            *custody_loops(custody, board),
            *watch_loops(custody, scales, accounts.owed_quanta, home.folder),
            *refill_loops(custody, refills),
            *lane_loops(custody, home.folder),
            Loop("lease", RENEW_INTERVAL_S, lease.renew),
            Loop("governance", SLOW_INTERVAL_S, GovernanceLoop(indexer, listings, operator).step),
        ]
    )
    board.watch(worker.problems)
    stores.bell.listen(worker.call)
    rooms = Rooms(
        label=blueprint.label,
        token=read_private(home.token, MAX_TOKEN_BYTES).decode().strip(),
        now_ms=lambda: time.time_ns() // 1_000_000,
        address_desks={part.chain.id: part.desk for part in parts},
        token_places={part.chain.id: _token_places(part, custody) for part in parts if part.tokens},
        memo_desks={part.chain.id: part.memos for part in parts if part.memos is not None},
        deposits=stores.deposits,
        cases=custody.cases,
        reviews=custody.reviews,
        look_alikes=custody.look_alikes,
        places=stores.places,
        withdrawals=custody.service,
        withdrawal_store=stores.withdrawals,
        trading=trading,
        accounts=accounts,
        treasury=treasury,
        refills=refills,
        listings=listings,
        reserves=open_reserves(
            home, blueprint, (accounts, scales, core.ledger_head), parts, (operator, reserve_keys.result())
        ),
        status=board,
        wallets=_wallet_rows(blueprint, parts),
        trades=lambda: trade_counts(core.database),
    )
    return rooms, worker


def _scales(blueprint: Blueprint) -> ScaleBook:
    return ScaleBook(
        AssetScale(Asset(a.symbol, a.decimals, ChainId(a.chain), a.contract), a.number, a.exponent)
        for a in blueprint.assets
    )


def require_same_assets(parts: Iterable[ChainParts], scales: ScaleBook) -> None:
    """Refuse wallets that count an asset otherwise than the books do.

    Raises:
        InvalidBlueprint: Decimals, chain or contract differ.
        UnknownAsset: A wallet lists what the blueprint has no row for.
    """
    for part in parts:
        for asset in (part.native, *(token.asset for token in part.tokens)):
            row = scales.of(asset.symbol).asset
            if row != asset:
                raise InvalidBlueprint(f"blueprint: the wallets hold {asset}, its row of assets says {row}")


def _tiers(part: ChainParts, custody: CustodyRoom, scales: ScaleBook) -> Tiers:
    symbol = part.native.symbol

    def dust() -> int:
        booked = custody.fees.dust(symbol) + deposit_dust(custody.stores.deposits, scales.of(symbol))
        return booked + part.lent_gas().settled + part.opening_units

    tiers = Tiers(part.cold_address, part.hot_balance, part.cold_balance, dust)
    return tiers if part.warm is None else replace(tiers, warm=part.warm.balance, warm_address=part.warm.address)


def _token_tiers(token: TokenTier, custody: CustodyRoom, scales: ScaleBook) -> Tiers:
    def dust() -> int:
        return deposit_dust(custody.stores.deposits, scales.of(token.asset.symbol))

    return Tiers(token.cold_address, token.hot, token.cold, dust, token.warm)


def _token_places(part: ChainParts, custody: CustodyRoom) -> Callable[[CustomerId], Mapping[str, Address]]:
    """Where a customer with an address on the chain pays each token, by symbol."""

    def places(customer: CustomerId) -> Mapping[str, Address]:
        known = custody.stores.deposits.address_of(part.chain.id, customer)
        if known is None:
            return {}
        address, index = known
        if part.token_places is None:
            return {token.asset.symbol: address for token in part.tokens}
        return part.token_places(index)

    return places


def _trading(blueprint: Blueprint, core: Core, scales: ScaleBook) -> TradingDesk:
    # The number of this session was never used before: the journal only grows.
    desk = TradingDesk(core, [], session=core.sequencer.head.seq % (1 << 32))
    for spec in blueprint.markets:
        if not spec.by_vote:
            desk.set_market(_market(spec, scales), is_open=True)
    return desk


def _market(spec: MarketSpec, scales: ScaleBook) -> Market:
    base, quote = scales.of(spec.base), scales.of(spec.quote)
    return Market(spec.symbol, spec.number, base, quote, spec.tick, spec.lot, spec.lowest)


def _listings(
    home: Home, blueprint: Blueprint, trading: TradingDesk, scales: ScaleBook, account: LocalAccount
) -> tuple[ListingDesk, Indexer, Operator]:
    deployment = load_deployment(home.deployment)
    chain = _contract_chain(blueprint, deployment.chain_id)
    web3 = connect(chain.url, deployment.chain_id)
    for name in ("MEXT", "ListingVote", "ReserveRegistry"):
        verify_code(web3, name, deployment.address(name))
    depth = chain_row(ChainId(chain.chain)).final_depth
    indexer = Indexer(web3, deployment, open_database(home.database("governance")), depth)
    contracts = {a.symbol: a.contract for a in blueprint.assets}
    candidates = {str(contracts[spec.base]): _market(spec, scales) for spec in blueprint.markets if spec.by_vote}
    operator = Operator(account, web3, deployment)
    source = IndexedListings(indexer, operator.votes, deployment.chain_id)
    return ListingDesk(source, trading, candidates), indexer, operator


def _contract_chain(blueprint: Blueprint, chain_id: int) -> ChainSpec:
    for spec in blueprint.chains:
        row = chain_row(ChainId(spec.chain))
        if row.family is Family.EVM and row.network == str(chain_id):
            return spec
    raise InvalidBlueprint(f"blueprint: no chain has the id {chain_id} that the contracts stand on", chain_id=chain_id)


def _wallet_rows(blueprint: Blueprint, parts: tuple[ChainParts, ...]) -> tuple[WalletRow, ...]:
    rows = []
    for part in parts:
        hot, cold = wallets_on(blueprint, part.chain.id)
        pairs = [*zip(hot, part.hot_addresses(), strict=True), (cold, part.cold_address)]
        if part.warm is not None and (warm := warm_on(blueprint, part.chain.id)) is not None:
            pairs.insert(-1, (warm, part.warm.address))
        for spec, address in pairs:
            rows.append(
                WalletRow(part.native.symbol, spec.tier, f"{spec.threshold} of {len(spec.members)}", address.text)
            )
    return tuple(rows)

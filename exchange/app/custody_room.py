"""Custody put together: chains, stores, ledger, withdrawals, and the loops that drive them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from sqlalchemy import Engine

from custody.chains.registry import chain_row
from custody.compliance.port import Screening
from custody.monitor.breaker import FileBreaker
from custody.primitives.amount import Amount
from custody.primitives.asset import Asset, AssetBook
from custody.primitives.bell import Bell
from custody.primitives.chain import ChainId, Family
from custody.primitives.ids import CustomerId, WithdrawalId
from custody.signers.client import RemoteSigner
from custody.store.database import open_database
from custody.store.deposits import SqlDepositStore
from custody.store.fee_queue import SqlFeeQueue
from custody.store.flows import SqlFlows
from custody.store.gas_loans import SqlGasLoanStore
from custody.store.memos import SqlMemoStore
from custody.store.places import SqlPlaceStore
from custody.store.receipts import receipt_head
from custody.store.refill_requests import SqlRefillStore, create_refill_table
from custody.store.seals import Seals
from custody.store.stock import SqlStock, create_stock_table
from custody.store.sweeps import SqlSweepStore
from custody.store.withdrawals import SqlWithdrawalStore
from custody.wallets.cases import CaseDesk
from custody.withdrawals.facts import Tier
from custody.withdrawals.gates.house import HouseGates
from custody.withdrawals.lanes import Lanes
from custody.withdrawals.look_alike_desk import LookAlikeDesk
from custody.withdrawals.parts import PipelineParts
from custody.withdrawals.pipeline import Pipeline
from custody.withdrawals.request import Bounds
from custody.withdrawals.reviewing import ReviewDesk
from custody.withdrawals.service import ServiceParts, WithdrawalService
from custody.withdrawals.trusted_places import TrustedPlaces
from exchange.app.agreeing import agreeing
from exchange.app.audit_heads import AuditHeads
from exchange.app.blueprint import Blueprint
from exchange.app.chain_parts import ChainParts, Ingredients, Records
from exchange.app.checked_signers import verify_signers
from exchange.app.core import Core
from exchange.app.evm import evm_parts
from exchange.app.fee_books import FeeBooks
from exchange.app.home import Home
from exchange.app.house_evidence import HouseNotes, NoteSources
from exchange.app.house_facts import HouseFacts, HousePolicy, standings
from exchange.app.screened_coins import ScreenedReader
from exchange.app.screening import screening_of
from exchange.app.sealing import load_gate_rules
from exchange.app.solana import solana_parts
from exchange.app.treasury_planning import TreasuryPlanner, open_planner
from exchange.app.tron import tron_parts
from exchange.app.utxo import OWN_PLACES, utxo_parts
from exchange.app.wallet_tiers import wallets_on, warm_on
from exchange.app.xrpl import xrpl_parts
from exchange.projection.reading import open_hold_note, open_hold_notes
from exchange.settlement.accounts import AccountDesk
from exchange.settlement.ledger import HOUSE, HoldRecords, SettlementLedger
from exchange.settlement.postings import Reason, posting_id
from exchange.settlement.reserve_archive import ReserveArchive
from exchange.settlement.scale import AMOUNT_CAP_QUANTA, ScaleBook

LOOK_AGAIN_MS = 2_000
"""A payment that its node holds is looked up at every block, and this often besides."""
DEPOSIT_FLOORS = {
    "BTC": 10_000,
    "LTC": 100_000,
    "DOGE": 10**8,
    "ETH": 10**15,
    "SOL": 10**6,
    "TRX": 5 * 10**6,
    "XRP": 10**5,
    "BNB": 10**15,
}
"""Smaller deposits are recorded and not credited: moving them would cost more than they bring. Base units."""

_FAMILIES: Mapping[Family, Callable[[Ingredients], ChainParts]] = {
    Family.UTXO: utxo_parts,
    Family.EVM: evm_parts,
    Family.SOLANA: solana_parts,
    Family.TRON: tron_parts,
    Family.XRPL: xrpl_parts,
}


@dataclass(frozen=True, slots=True)
class Stores:
    """SQL behind custody, in one database."""

    database: Engine
    bell: Bell
    assets: AssetBook
    deposits: SqlDepositStore
    withdrawals: SqlWithdrawalStore
    sweeps: SqlSweepStore
    gas_loans: SqlGasLoanStore
    memos: SqlMemoStore
    flows: SqlFlows
    stock: SqlStock
    refills: SqlRefillStore
    fees: SqlFeeQueue
    places: SqlPlaceStore


@dataclass(frozen=True, slots=True)
class CustodyRoom:
    """What custody contributes."""

    parts: tuple[ChainParts, ...]
    stores: Stores
    ledger: SettlementLedger
    fees: FeeBooks
    service: WithdrawalService
    pipeline: Pipeline
    breaker: FileBreaker
    screening: Screening
    cases: CaseDesk
    reviews: ReviewDesk
    look_alikes: LookAlikeDesk
    policies: HousePolicy
    planner: TreasuryPlanner
    notes: HouseNotes
    heads: AuditHeads


def open_stores(home: Home, scales: ScaleBook, seals: Seals) -> Stores:
    """Open custody's database; the keys that vouch for its records lie elsewhere."""
    assets = AssetBook(scale.asset for scale in scales)
    database = open_database(home.database("custody"))
    create_stock_table(database)
    create_refill_table(database)
    bell = Bell()
    return Stores(
        database,
        bell,
        assets,
        SqlDepositStore(database, assets, bell=bell, quanta={scale.asset.symbol: scale.quantum for scale in scales}),
        SqlWithdrawalStore(database, assets, seals, bell),
        SqlSweepStore(database, assets),
        SqlGasLoanStore(database),
        SqlMemoStore(database),
        SqlFlows(database),
        SqlStock(database),
        SqlRefillStore(database),
        SqlFeeQueue(database),
        SqlPlaceStore(database),
    )


def connect_chains(home: Home, blueprint: Blueprint, stores: Stores) -> Iterator[ChainParts]:
    """Connect every chain of the blueprint, and check nodes, wallets and signers on the way.

    Raises:
        InvalidBlueprint, UnknownChain: The blueprint names what does not exist.
        Unavailable: A node does not answer, or so few signers of a wallet that nothing can be signed.
        VerificationFailed: A node, a wallet or a signer is not what the blueprint says.
    """
    names = (*blueprint.signers, blueprint.sender)
    signers = {name: RemoteSigner(name, home.socket(name)) for name in names}
    for chain in blueprint.chains:
        (hot, *more), cold = wallets_on(blueprint, chain.chain)
        given = Ingredients(
            chain,
            hot,
            cold,
            signers,
            blueprint.sender,
            stores.deposits,
            blueprint.solana_deposits,
            home.folder,
            Records(stores.withdrawals, stores.sweeps, stores.gas_loans, stores.deposits),
            stores.memos,
            tuple(more),
            warm_on(blueprint, chain.chain),
        )
        part = _FAMILIES[chain_row(ChainId(chain.chain)).family](given)
        part = replace(part, opening_units=int(chain.opening_units), born_height=chain.born_height)
        for lane in part.lanes():
            verify_signers(lane)
        if part.memos is not None:
            part.memos.watch(stores.deposits)
        if part.chain.family is Family.UTXO:
            reader = ScreenedReader(part.lane.reader, stores.deposits, OWN_PLACES)
            part = replace(part, lane=replace(part.lane, reader=reader))
        yield agreeing(part, given, _FAMILIES[part.chain.family]) if chain.second_url else part


def open_custody(
    home: Home,
    blueprint: Blueprint,
    core: Core,
    scales: ScaleBook,
    built: tuple[tuple[ChainParts, ...], Stores],
) -> CustodyRoom:
    """Put ledger, service and pipeline over connected chains, and repair what a crash left half done."""
    parts, stores = built

    def charged(withdrawal_id: WithdrawalId) -> tuple[CustomerId, Amount]:
        withdrawal = stores.withdrawals.withdrawal(withdrawal_id)
        return withdrawal.customer, withdrawal.amount

    ledger = SettlementLedger(core, scales, HoldRecords(lambda: open_hold_notes(core.database), charged))
    lanes = Lanes([lane for part in parts for lane in part.lanes()])
    policies = HousePolicy(home.policy, blueprint.staff)
    bounds = {
        asset.symbol: Bounds(_smallest(scales, asset), scales.of(asset.symbol).amount(AMOUNT_CAP_QUANTA))
        for part in parts
        for asset in (part.native, *(token.asset for token in part.tokens))
    }
    service = WithdrawalService(
        ServiceParts(stores.withdrawals, ledger, policies, stores.assets, lanes, bounds, stores.places)
    )
    core.worker.drain()
    service.recover(_now_ms())
    breaker = FileBreaker(home.folder / "breaker.json")
    screening = screening_of(home, blueprint)
    standing = standings(stores.deposits, AccountDesk(core, scales), scales)
    own = {part.cold_address: Tier.COLD for part in parts}
    own |= {token.cold_address: Tier.COLD for part in parts for token in part.tokens}
    own |= {token.hot_address: Tier.HOT for part in parts for token in part.tokens}
    own |= {address: Tier.HOT for part in parts for address in part.hot_addresses()}
    own |= {part.warm.address: Tier.WARM for part in parts if part.warm is not None}
    warm = {part.chain.id for part in parts if part.warm is not None}
    planner = open_planner(stores.flows, stores.stock, breaker, warm, policies.active(_now_s()))
    places = TrustedPlaces(stores.places, policies.roster, _now_s)
    notes, heads = _open_notes(home, blueprint, core, (parts, stores))
    pipeline = Pipeline(
        PipelineParts(
            store=stores.withdrawals,
            ledger=ledger,
            policies=policies,
            facts=HouseFacts(own, standing, stores.refills.of_withdrawal, places.of),
            screening=screening,
            breaker=breaker,
            lanes=lanes,
            now_ms=_now_ms,
            look_again_ms=LOOK_AGAIN_MS,
            large_from=lambda asset: planner.large_from(asset, _now_s()),
            gates=HouseGates(notes, load_gate_rules(home)),
        )
    )
    fees = FeeBooks(ledger, stores)
    cases = CaseDesk(stores.deposits, [part.chain for part in parts], policies.roster, HOUSE)
    reviews = ReviewDesk(stores.withdrawals, lanes, policies)
    look_alikes = LookAlikeDesk(stores.withdrawals, places, stores.places, policies)
    desks = (cases, reviews, look_alikes, policies, planner, notes, heads)
    return CustodyRoom(parts, stores, ledger, fees, service, pipeline, breaker, screening, *desks)


def _open_notes(
    home: Home, blueprint: Blueprint, core: Core, built: tuple[tuple[ChainParts, ...], Stores]
) -> tuple[HouseNotes, AuditHeads]:
    """Put together what the gates know of the house; the background work fills it."""
    parts, stores = built
    signers = {name: RemoteSigner(name, home.socket(name)) for name in blueprint.signers}
    heads = AuditHeads(home.audit_heads, signers, lambda: receipt_head(stores.database))
    notes = HouseNotes(
        NoteSources(
            wallets={spec.id: spec for spec in blueprint.wallets},
            heads=heads,
            lease=home.lease,
            archive=ReserveArchive(home.reserves),
            open_note=lambda name: open_hold_note(core.database, posting_id(Reason.WITHDRAWAL_HOLD, name)),
            natives={part.chain.id: part.native.symbol for part in parts},
        )
    )
    for part in parts:
        if part.watch is not None:
            notes.expect_contracts(part.chain.id)
    return notes, heads


def _smallest(scales: ScaleBook, asset: Asset) -> Amount:
    """What a deposit must have at least; else a thousandth of a coin. Never below one quantum."""
    least = max(asset.unit // 1_000, DEPOSIT_FLOORS.get(asset.symbol, 0))
    return Amount(max(least, scales.of(asset.symbol).quantum), asset)


def floors_of(part: ChainParts) -> Mapping[str, int]:
    """Smallest deposits of a chain that are credited, base units: a thousandth of a token, whatever it calls itself."""
    return DEPOSIT_FLOORS | {token.asset.symbol: token.asset.unit // 1_000 for token in part.tokens}


def _now_s() -> int:
    return _now_ms() // 1_000


def _now_ms() -> int:
    return time.time_ns() // 1_000_000

"""Custody put together: chains, stores, ledger, withdrawals, and the loops that drive them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from custody.chains.registry import chain_row
from custody.compliance.sanctions import SanctionsList
from custody.monitor.breaker import FileBreaker
from custody.primitives.amount import Amount
from custody.primitives.asset import Asset, AssetBook
from custody.primitives.chain import ChainId, Family
from custody.primitives.ids import CustomerId, WithdrawalId
from custody.signers.client import RemoteSigner
from custody.store.database import open_database
from custody.store.deposits import SqlDepositStore
from custody.store.gas_loans import SqlGasLoanStore
from custody.store.sweeps import SqlSweepStore
from custody.store.withdrawals import SqlWithdrawalStore
from custody.wallets.scanner import DepositScanner
from custody.wallets.sweep import Sweeper
from custody.withdrawals.facts import Tier
from custody.withdrawals.lanes import Lanes
from custody.withdrawals.parts import PipelineParts
from custody.withdrawals.pipeline import Pipeline
from custody.withdrawals.request import Bounds
from custody.withdrawals.service import ServiceParts, WithdrawalService
from exchange.app.blueprint import Blueprint, InvalidBlueprint, WalletSpec
from exchange.app.chain_parts import ChainParts, Ingredients, Records, verify_signer_keys
from exchange.app.core import Core
from exchange.app.custody_steps import ChainBoard, FeeBooks, guarded_step, scan_step, sweep_step
from exchange.app.evm import evm_parts
from exchange.app.home import Home
from exchange.app.house_facts import HouseFacts, HousePolicy
from exchange.app.solana import solana_parts
from exchange.app.tron import tron_parts
from exchange.app.utxo import utxo_parts
from exchange.app.worker import Loop
from exchange.projection.reading import open_hold_notes
from exchange.settlement.ledger import HoldRecords, SettlementLedger
from exchange.settlement.scale import AMOUNT_CAP_QUANTA, ScaleBook

SCAN_INTERVAL_S = 0.25
PIPELINE_INTERVAL_S = 0.1
SLOW_INTERVAL_S = 1.0
DEPOSIT_FLOORS = {"BTC": 10_000, "LTC": 100_000, "DOGE": 10**8, "ETH": 10**15, "SOL": 10**6, "BNB": 10**15}
"""Smaller deposits are recorded and not credited: moving them would cost more than they bring. Base units."""

_FAMILIES: Mapping[Family, Callable[[Ingredients], ChainParts]] = {
    Family.UTXO: utxo_parts,
    Family.EVM: evm_parts,
    Family.SOLANA: solana_parts,
    Family.TRON: tron_parts,
}


@dataclass(frozen=True, slots=True)
class Stores:
    """SQL behind custody, in one database."""

    assets: AssetBook
    deposits: SqlDepositStore
    withdrawals: SqlWithdrawalStore
    sweeps: SqlSweepStore
    gas_loans: SqlGasLoanStore


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


def open_stores(home: Home, assets: AssetBook) -> Stores:
    """Open custody's database."""
    database = open_database(home.database("custody"))
    return Stores(
        assets,
        SqlDepositStore(database, assets),
        SqlWithdrawalStore(database, assets),
        SqlSweepStore(database, assets),
        SqlGasLoanStore(database),
    )


def connect_chains(home: Home, blueprint: Blueprint, stores: Stores) -> Iterator[ChainParts]:
    """Connect every chain of the blueprint, and check nodes, wallets and signers on the way.

    Raises:
        InvalidBlueprint, UnknownChain: The blueprint names what does not exist.
        Unavailable: A node or signer does not answer.
        VerificationFailed: A node, a wallet or a signer is not what the blueprint says.
    """
    names = (*blueprint.signers, blueprint.sender)
    signers = {name: RemoteSigner(name, home.socket(name)) for name in names}
    for chain in blueprint.chains:
        hot, cold = wallets_on(blueprint, chain.chain)
        given = Ingredients(
            chain,
            hot,
            cold,
            signers,
            blueprint.sender,
            stores.deposits,
            blueprint.solana_deposits,
            home.folder,
            Records(stores.withdrawals, stores.sweeps, stores.gas_loans),
        )
        part = _FAMILIES[chain_row(ChainId(chain.chain)).family](given)
        verify_signer_keys(part, hot.members)
        yield part


def wallets_on(blueprint: Blueprint, chain: str) -> tuple[WalletSpec, WalletSpec]:
    """The hot and the cold wallet on a chain.

    Raises:
        InvalidBlueprint: There is not exactly one of each.
    """
    by_tier = {spec.tier: spec for spec in blueprint.wallets if spec.chain == chain}
    if set(by_tier) != {"hot", "cold"}:
        raise InvalidBlueprint(f"blueprint: {chain} needs one hot and one cold wallet")
    return by_tier["hot"], by_tier["cold"]


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
    lanes = Lanes([part.lane for part in parts])
    policies = HousePolicy(home.policy, blueprint.staff)
    bounds = {
        asset.symbol: Bounds(_smallest(scales, asset), scales.of(asset.symbol).amount(AMOUNT_CAP_QUANTA))
        for part in parts
        for asset in (part.native, *(token.asset for token in part.tokens))
    }
    service = WithdrawalService(ServiceParts(stores.withdrawals, ledger, policies, stores.assets, lanes, bounds))
    core.worker.drain()
    service.recover(_now_ms())
    breaker = FileBreaker(home.folder / "breaker.json")
    own = {part.cold_address: Tier.COLD for part in parts} | {part.hot_address: Tier.HOT for part in parts}
    pipeline = Pipeline(
        PipelineParts(
            store=stores.withdrawals,
            ledger=ledger,
            policies=policies,
            facts=HouseFacts(own),
            screening=SanctionsList("local-empty", ()),
            breaker=breaker,
            lanes=lanes,
            now_ms=_now_ms,
        )
    )
    fees = FeeBooks(ledger, stores.withdrawals, stores.sweeps)
    return CustodyRoom(parts, stores, ledger, fees, service, pipeline, breaker)


def _smallest(scales: ScaleBook, asset: Asset) -> Amount:
    """A thousandth of a coin, far above every dust limit; never below one quantum."""
    return Amount(max(asset.unit // 1_000, scales.of(asset.symbol).quantum), asset)


def custody_loops(custody: CustodyRoom, board: ChainBoard) -> Iterator[Loop]:
    """The background work of custody."""
    deposits, sweeps = custody.stores.deposits, custody.stores.sweeps
    for part in custody.parts:
        scanner = DepositScanner(part.source, deposits, custody.ledger, DEPOSIT_FLOORS)
        yield Loop(part.chain.id, SCAN_INTERVAL_S, scan_step(scanner, deposits, board))
        if part.sweeps is not None:
            (sender,) = part.lane.senders
            sweeper = Sweeper(part.sweeps, sweeps, sender, part.lane.wallet_id)
            yield Loop(f"sweeps {part.chain.id}", SLOW_INTERVAL_S, sweep_step(sweeper, part.chain, deposits))
        for name, step in (("upkeep", part.upkeep), ("watch", part.watch)):
            if step is not None:
                yield Loop(f"{name} {part.chain.id}", SLOW_INTERVAL_S, guarded_step(step, part.chain, custody.breaker))
    utxo = [part.chain for part in custody.parts if part.chain.family is Family.UTXO]
    swept = [part.chain for part in custody.parts if part.sweeps is not None]
    yield Loop("fees", SLOW_INTERVAL_S, lambda: custody.fees.step(utxo, swept))
    yield Loop("withdrawals", PIPELINE_INTERVAL_S, lambda: custody.pipeline.step(time.time_ns() // 1_000_000_000))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000

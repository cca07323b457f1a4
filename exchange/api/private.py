"""Routes that change something or show a customer; all behind the token."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header

from custody.primitives.approval import Approval, Verdict
from custody.primitives.chain import ChainId
from custody.primitives.errors import UnknownChain
from custody.primitives.ids import CustomerId, Digest, IdempotencyKey, WithdrawalId
from custody.reserves.ownership import OwnershipEvidence
from custody.wallets.cases import CaseAction, Decision
from custody.withdrawals.gates.receipt_lines import fields_of
from custody.withdrawals.request import WithdrawalRequest
from custody.withdrawals.reviewing import Resolution, ReviewVerdict
from custody.withdrawals.states import WithdrawalState
from exchange.api.access import token_check
from exchange.api.bodies import (
    ApprovalBody,
    DecisionBody,
    OrderBody,
    RebalanceBody,
    ResolutionBody,
    StatementBody,
    WithdrawalBody,
)
from exchange.api.place_routes import add_place_routes
from exchange.api.shapes import (
    amount_json,
    case_json,
    deposit_json,
    draft_json,
    order_json,
    refill_json,
    review_json,
    withdrawal_json,
)
from exchange.settlement.rooms import Rooms
from exchange.settlement.trading import OrderRequest

Key = Annotated[str, Header(alias="Idempotency-Key", min_length=1, max_length=128)]


def private_router(rooms: Rooms) -> APIRouter:
    """All private routes below /v1."""
    router = APIRouter(prefix="/v1", dependencies=[Depends(token_check(rooms.token))])
    _customers(router, rooms)
    _orders(router, rooms)
    _withdrawals(router, rooms)
    add_place_routes(router, rooms)
    _reviews(router, rooms)
    _cases(router, rooms)
    _reserves(router, rooms)
    return router


def _customers(router: APIRouter, rooms: Rooms) -> None:
    @router.post("/customers/{customer}/addresses/{chain}")
    def address(customer: str, chain: str) -> dict[str, Any]:
        desk = rooms.address_desks.get(ChainId(chain))
        if desk is None:
            raise UnknownChain(f"unknown chain {chain!r}; known: {', '.join(rooms.address_desks)}", chain=chain)
        # First the account: a deposit that nobody can be credited with would stop the scanner of the chain.
        rooms.accounts.open(CustomerId(customer))
        memos = rooms.memo_desks.get(ChainId(chain))
        if memos is not None:
            shared, memo = memos.place_for(CustomerId(customer))
            return {"chain": chain, "address": shared.text, "memo": memo}
        shown: dict[str, Any] = {"chain": chain, "address": desk.address_for(CustomerId(customer)).text}
        places = rooms.token_places.get(ChainId(chain))
        if places is not None:
            shown["tokens"] = {symbol: place.text for symbol, place in places(CustomerId(customer)).items()}
        return shown

    @router.get("/customers/{customer}/balances")
    def balances(customer: str) -> dict[str, Any]:
        found = rooms.accounts.balances(CustomerId(customer))
        return {
            symbol: {"available": amount_json(view.available), "held": amount_json(view.held)}
            for symbol, view in found.items()
        }

    @router.get("/deposits")
    def deposits(customer: str | None = None) -> list[dict[str, Any]]:
        return [deposit_json(d) for d in rooms.deposits.all() if customer in (None, d.customer)]


def _orders(router: APIRouter, rooms: Rooms) -> None:
    @router.post("/orders")
    def place(body: OrderBody) -> dict[str, Any]:
        request = OrderRequest(
            CustomerId(body.customer), body.market, body.side, body.price, body.quantity, body.time_in_force
        )
        return order_json(rooms.trading.place(request))

    @router.delete("/orders/{order_id}")
    def cancel(order_id: int, customer: str) -> dict[str, Any]:
        rooms.trading.cancel(CustomerId(customer), order_id)
        return {"order_id": order_id, "status": "cancelled"}


def _withdrawals(router: APIRouter, rooms: Rooms) -> None:
    def shown(withdrawal_id: str) -> dict[str, Any]:
        withdrawal = rooms.withdrawals.get(WithdrawalId(withdrawal_id))
        attempts = rooms.withdrawal_store.attempts(withdrawal.payment_id) if withdrawal.payment_id else ()
        return withdrawal_json(withdrawal, attempts)

    @router.post("/withdrawals")
    def request(body: WithdrawalBody, key: Key) -> dict[str, Any]:
        asked = WithdrawalRequest(
            CustomerId(body.customer), body.asset, body.to, body.amount, body.memo, IdempotencyKey(key)
        )
        return shown(rooms.withdrawals.request(asked, rooms.now_ms()).id)

    @router.post("/treasury/rebalance")
    def rebalance(body: RebalanceBody, key: Key) -> dict[str, Any]:
        return shown(rooms.treasury.rebalance(body.officer, body.asset, IdempotencyKey(key), rooms.now_ms()).id)

    @router.get("/treasury/requests")
    def refills() -> list[dict[str, Any]]:
        return [refill_json(request) for request in rooms.refills.requests()]

    @router.get("/withdrawals")
    def listed() -> list[dict[str, Any]]:
        found = rooms.withdrawals.list(frozenset(WithdrawalState))
        return [shown(withdrawal.id) for withdrawal in found]

    @router.get("/withdrawals/{withdrawal_id}")
    def one(withdrawal_id: str) -> dict[str, Any]:
        receipt = rooms.withdrawal_store.receipt(WithdrawalId(withdrawal_id))
        return {**shown(withdrawal_id), "receipt": None if receipt is None else fields_of(receipt)}

    @router.post("/withdrawals/{withdrawal_id}/approvals")
    def approve(withdrawal_id: str, body: ApprovalBody) -> dict[str, Any]:
        rooms.withdrawals.approve(WithdrawalId(withdrawal_id), _approval(body), rooms.now_ms())
        return shown(withdrawal_id)


def _reviews(router: APIRouter, rooms: Rooms) -> None:
    def shown(withdrawal_id: WithdrawalId) -> dict[str, Any]:
        withdrawal = rooms.withdrawals.get(withdrawal_id)
        payment = rooms.withdrawal_store.payment(withdrawal.payment_id) if withdrawal.payment_id else None
        attempts = rooms.withdrawal_store.attempts(payment.id) if payment else ()
        return review_json(withdrawal, rooms.reviews.seen(withdrawal_id), payment, attempts)

    @router.get("/withdrawal-reviews")
    def reviews() -> list[dict[str, Any]]:
        return [shown(withdrawal.id) for withdrawal in rooms.reviews.open_cases()]

    @router.get("/withdrawal-reviews/{withdrawal_id}")
    def review(withdrawal_id: str) -> dict[str, Any]:
        return shown(WithdrawalId(withdrawal_id))

    @router.post("/withdrawal-reviews/{withdrawal_id}")
    def resolve(withdrawal_id: str, body: ResolutionBody) -> dict[str, Any]:
        fields = body.model_dump(exclude={"approvals", "verdict"})
        resolution = Resolution(withdrawal=withdrawal_id, verdict=ReviewVerdict(body.verdict), **fields)
        rooms.reviews.resolve(resolution, [_approval(item) for item in body.approvals], rooms.now_ms())
        return shown(WithdrawalId(withdrawal_id))


def _cases(router: APIRouter, rooms: Rooms) -> None:
    @router.get("/deposit-cases")
    def cases() -> list[dict[str, Any]]:
        found = (case for chain in rooms.address_desks for case in rooms.cases.open_cases(chain))
        return [case_json(case, rooms.cases.seen(case.key)) for case in found]

    @router.get("/deposit-cases/seen")
    def seen(subject: str) -> dict[str, str]:
        return {"subject": subject, "seen": rooms.cases.seen(subject)}

    @router.post("/deposit-decisions")
    def decide(body: DecisionBody) -> dict[str, str]:
        fields = body.model_dump(exclude={"approvals", "action"})
        decision = Decision(action=CaseAction(body.action), **fields)
        approvals = [_approval(item) for item in body.approvals]
        rooms.cases.carry_out(decision, approvals, rooms.now_ms() // 1_000)
        return {"subject": body.subject, "seen": rooms.cases.seen(body.subject)}


def _reserves(router: APIRouter, rooms: Rooms) -> None:
    @router.post("/reserves/drafts")
    def draft() -> dict[str, Any]:
        return draft_json(rooms.reserves.draft())

    @router.post("/reserves/statements")
    def publish(body: StatementBody) -> dict[str, Any]:
        approvals = [_approval(item) for item in body.approvals]
        cold = [
            OwnershipEvidence(
                item.chain, item.address, item.method, tuple((s.key, s.signature) for s in item.signatures), item.script
            )
            for item in body.evidence
        ]
        return rooms.reserves.publish(body.seq, approvals, cold).summary()

    @router.get("/reserves/proofs/{customer}")
    def proof(customer: str) -> dict[str, Any]:
        return rooms.reserves.proof(CustomerId(customer))


def _approval(body: ApprovalBody) -> Approval:
    return Approval(
        Digest(bytes.fromhex(body.intent_hash)),
        body.approver,
        Verdict(body.verdict),
        body.at_s,
        bytes.fromhex(body.signature),
    )

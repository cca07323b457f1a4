"""Routes about destinations: address books, and those that could be mistaken for another; behind the token."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from custody.primitives.approval import Approval, Verdict
from custody.primitives.ids import CustomerId, Digest, WithdrawalId
from custody.withdrawals.address_book import BookEntry
from exchange.api.bodies import BookEntryBody, CompareBody
from exchange.api.shapes import doubt_json, entry_json
from exchange.settlement.rooms import Rooms


def add_place_routes(router: APIRouter, rooms: Rooms) -> None:
    """Add them to the private routes."""

    @router.get("/customers/{customer}/address-book")
    def entries(customer: str) -> list[dict[str, Any]]:
        return [entry_json(entry) for entry in rooms.places.entries(CustomerId(customer))]

    @router.post("/customers/{customer}/address-book")
    def add(customer: str, body: BookEntryBody) -> dict[str, Any]:
        to = rooms.withdrawals.place(body.asset, body.to, body.memo)
        entry = BookEntry(CustomerId(customer), to, body.memo, customer, rooms.now_ms() // 1_000)
        return entry_json(rooms.places.add_entry(entry))

    @router.delete("/customers/{customer}/address-book/{entry_id}")
    def remove(customer: str, entry_id: str) -> dict[str, Any]:
        rooms.places.remove_entry(CustomerId(customer), entry_id, rooms.now_ms() // 1_000)
        return {"id": entry_id, "removed": True}

    @router.get("/look-alikes")
    def doubts() -> list[dict[str, Any]]:
        return [doubt_json(withdrawal, destination) for withdrawal, destination in rooms.look_alikes.waiting()]

    @router.post("/withdrawals/{withdrawal_id}/full-compare")
    def compare(withdrawal_id: str, body: CompareBody) -> dict[str, Any]:
        said = body.approval
        what, signature = Digest(bytes.fromhex(said.intent_hash)), bytes.fromhex(said.signature)
        approval = Approval(what, said.approver, Verdict(said.verdict), said.at_s, signature)
        found = rooms.look_alikes.confirm(WithdrawalId(withdrawal_id), body.typed, approval)
        return {"id": withdrawal_id, "resembles": found.resembles, "compared_by": found.compared_by}

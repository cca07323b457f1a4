"""Routes that anybody may read."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter

from exchange.api.shapes import amount_json
from exchange.settlement.rooms import Rooms


def public_router(rooms: Rooms) -> APIRouter:
    """All public routes below /v1."""
    router = APIRouter(prefix="/v1")

    @router.get("/status")
    def status() -> dict[str, Any]:
        return {
            "label": rooms.label,
            "chains": [asdict(row) for row in rooms.status.chains()],
            "problems": dict(rooms.status.problems()),
            "ledger": asdict(rooms.accounts.ledger()),
        }

    @router.get("/markets")
    def markets() -> list[dict[str, Any]]:
        return [asdict(row) for row in rooms.trading.rows(rooms.trades())]

    @router.get("/holdings/{symbol}")
    def holdings(symbol: str) -> dict[str, Any]:
        held = rooms.treasury.holdings(symbol)
        return {
            "hot": amount_json(held.hot),
            "warm": amount_json(held.warm),
            "cold": amount_json(held.cold),
            "owed": amount_json(held.owed),
            "dust": amount_json(held.dust),
            "difference": amount_json(held.difference),
            "cold_ppm": held.cold_ppm,
        }

    @router.get("/listings")
    def listings() -> list[dict[str, Any]]:
        return [asdict(row) for row in rooms.listings.listings()]

    @router.get("/reserves/statements/latest")
    def statement() -> dict[str, Any]:
        return rooms.reserves.latest().summary()

    return router

"""The pages: plain HTML from templates, readable without JavaScript, under a strict content security policy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from custody.primitives.errors import NotFound, Unavailable
from custody.wallets.treasury import PPM
from custody.withdrawals.records import Withdrawal
from custody.withdrawals.states import WithdrawalState
from exchange.settlement.rooms import Rooms, WalletRow

_HERE = Path(__file__).parent
CONTENT_POLICY = (
    "default-src 'self'; img-src 'self' data:; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
SHOWN_WITHDRAWALS = 100


def install(app: FastAPI, rooms: Rooms) -> None:
    """Add pages, static files and the headers of every answer."""
    app.mount("/static", StaticFiles(directory=_HERE / "static"), name="static")
    app.include_router(_router(rooms))

    @app.middleware("http")
    async def _headers(request: Request, call_next: Callable[[Request], Any]) -> Response:
        response: Response = await call_next(request)
        response.headers["Content-Security-Policy"] = CONTENT_POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        return response


def _router(rooms: Rooms) -> APIRouter:
    templates = Environment(
        loader=FileSystemLoader(_HERE / "templates"), autoescape=select_autoescape(), undefined=StrictUndefined
    )
    router = APIRouter(default_response_class=HTMLResponse)

    def page(name: str, here: str, **values: object) -> str:
        return templates.get_template(name).render(here=here, network_label=rooms.label, **values)

    @router.get("/", response_class=HTMLResponse)
    def overview() -> str:
        return page(
            "overview.html",
            "/",
            chains=rooms.status.chains(),
            wallets=[_wallet(rooms, row) for row in rooms.wallets],
            ledger=rooms.accounts.ledger(),
            books=[_books(rooms, symbol) for symbol in rooms.treasury.assets],
            markets=rooms.trading.rows(rooms.trades()),
        )

    @router.get("/withdrawals", response_class=HTMLResponse)
    def withdrawals() -> str:
        newest = sorted(
            rooms.withdrawals.list(frozenset(WithdrawalState)), key=lambda each: each.requested_at_ms, reverse=True
        )
        return page(
            "withdrawals.html", "/withdrawals", withdrawals=[_withdrawal(rooms, w) for w in newest[:SHOWN_WITHDRAWALS]]
        )

    @router.get("/listings", response_class=HTMLResponse)
    def listings() -> str:
        return page("listings.html", "/listings", listings=rooms.listings.listings())

    @router.get("/reserves", response_class=HTMLResponse)
    def reserves() -> str:
        try:
            statement = rooms.reserves.latest()
        except NotFound:
            statement = None
        return page("reserves.html", "/reserves", statement=statement and statement.view())

    return router


def _wallet(rooms: Rooms, row: WalletRow) -> dict[str, str]:
    shown = {"asset": row.asset, "tier": row.tier, "quorum": row.quorum, "address": row.address}
    try:
        held = rooms.treasury.holdings(row.asset)
    except Unavailable as error:
        return shown | {"balance": f"not known now: {error.message}", "share": "-"}
    balance = {"hot": held.hot, "warm": held.warm, "cold": held.cold}[row.tier]
    ppm = held.cold_ppm
    if row.tier != "cold":
        ppm = (PPM - held.cold_ppm) * balance.units // max(1, (held.hot + held.warm).units)
    return shown | {"balance": str(balance), "share": f"{ppm // 10_000}.{ppm % 10_000 // 100:02d} %"}


def _books(rooms: Rooms, symbol: str) -> dict[str, str]:
    try:
        held = rooms.treasury.holdings(symbol)
    except Unavailable as error:
        return {
            "asset": symbol,
            "owed": "-",
            "dust": "-",
            "on_chain": f"not known now: {error.message}",
            "difference": "-",
        }
    return {
        "asset": symbol,
        "owed": held.owed.text(),
        "dust": held.dust.text(),
        "on_chain": held.held.text(),
        "difference": held.difference.text(),
    }


def _withdrawal(rooms: Rooms, withdrawal: Withdrawal) -> dict[str, str]:
    attempts = rooms.withdrawal_store.attempts(withdrawal.payment_id) if withdrawal.payment_id else ()
    took = withdrawal.request_to_broadcast_ms
    return {
        "id": withdrawal.id,
        "state": withdrawal.state.value,
        "amount": str(withdrawal.amount),
        "to": withdrawal.to.text,
        "intent_hash": "-" if withdrawal.intent is None else withdrawal.intent_hash.hex(),
        "txid": attempts[-1].txid or "" if attempts else "",
        "took": "-" if took is None else f"{took / 1000:.3f} s",
    }

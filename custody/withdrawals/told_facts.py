"""Facts read back: as they were stored with a decision, or as people tell them in a file.

Rules:
    * Stored facts are read to the letter: a sum that was not measured stays unmeasured, and blocks.
    * In a file of people, what is not told is harmless: a clear screening, a hot wallet, nothing used yet. What they
      tell is read strictly.

Example:
    facts = stored_facts(withdrawal.facts_json)
    ask, facts = told(fields, assets, policy)
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

from custody.compliance.port import ScreeningVerdict
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.asset import Asset
from custody.primitives.chain import ChainId
from custody.primitives.errors import MalformedPayload
from custody.withdrawals.facts import (
    Ask,
    Circumstances,
    Destination,
    DestinationKind,
    Facts,
    Kind,
    Price,
    Scope,
    Tier,
    UsageKey,
    scope_value,
)
from custody.withdrawals.policy import required_usage
from custody.withdrawals.rules import Policy
from custody.withdrawals.written import Fields

TOLD_NOW_S = 1_800_000_000
"""The time in a file that tells none; a fixed one, so that its cases stay as they are."""


def stored_facts(text: str) -> Facts:
    """Read what `Facts.as_json` wrote.

    Raises:
        MalformedPayload: Not such facts.
    """
    try:
        raw = json.loads(text)
        price = raw["price"]
        return Facts(
            now_s=raw["now_s"],
            circumstances=Circumstances(
                owner=raw["owner"],
                kyc_level=raw["kyc_level"],
                source=Tier(raw["source"]),
                destination=Destination(
                    DestinationKind(raw["destination"]),
                    raw["destination_added_at_s"],
                    raw["destination_added_by"],
                    raw.get("destination_resembles", ""),
                    raw.get("destination_compared_by", ""),
                ),
                security_hold_until_s=raw["security_hold_until_s"],
                price=None if price is None else Price(int(price[0]), price[1], int(price[2])),
                frozen=raw["frozen"],
                unsettled=raw["unsettled"],
                people=raw["people"],
            ),
            screening=ScreeningVerdict(raw["screening"]),
            usage={
                UsageKey(Scope(scope), value, asset or None, int(window_s)): int(total)
                for scope, value, asset, window_s, total in raw["usage"]
            },
        )
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise MalformedPayload(f"not the facts of a decision: {error}") from error


def told(fields: Fields, assets: Mapping[str, Asset], policy: Policy) -> tuple[Ask, Facts]:
    """Read a request and its facts as people tell them.

    Args:
        fields: With `ask` and, if anything is to be told, `facts`.
        assets: By symbol.
        policy: Which sums it needs; those that are not told are zero.

    Raises:
        InvalidInput: As the fields say: something is missing, unknown or of the wrong type.
    """
    ask = _ask(fields.fields("ask"), assets)
    facts = fields.fields("facts", {})
    known = _circumstances(facts, ask)
    usage = dict.fromkeys(required_usage(ask, known, policy), 0)
    for item in facts.each("usage"):
        usage |= _used(item, ask, known)
    made = Facts(
        now_s=facts.whole("now_s", TOLD_NOW_S),
        circumstances=known,
        screening=facts.member("screening", ScreeningVerdict, ScreeningVerdict.CLEAR),
        usage=usage,
    )
    price = _price(facts, made.now_s)
    facts.require_empty()
    return ask, replace(made, circumstances=replace(known, price=price))


def told_assets(fields: Fields) -> dict[str, Asset]:
    """Read the assets that a file tells: symbol -> {chain, decimals, contract}; none if it tells none.

    Raises:
        InvalidInput: As the fields say.
    """
    section, found = fields.fields("assets", {}), {}
    for symbol in section.left():
        each = section.fields(symbol)
        contract = each.text("contract") if each.has("contract") else None
        found[symbol] = Asset(symbol, each.whole("decimals"), _chain(each), contract)
        each.require_empty()
    return found


def _chain(fields: Fields) -> ChainId:
    return ChainId(fields.text("chain"))


def _ask(fields: Fields, assets: Mapping[str, Asset]) -> Ask:
    symbol = fields.text("asset")
    if symbol not in assets:
        known = ", ".join(sorted(assets)) or "none"
        raise fields.wrong("asset", f"unknown asset {symbol!r}; known: {known}. Tell it under assets, or give --home")
    kind = fields.member("kind", Kind, Kind.CUSTOMER)
    customer = fields.text("customer", "customer" if kind is Kind.CUSTOMER else "treasury")
    asset = assets[symbol]
    ask = Ask(
        withdrawal_id=fields.text("id", "told"),
        kind=kind,
        customer=customer,
        initiator=fields.text("initiator", customer),
        to=Address(asset.chain, fields.text("to")),
        amount=Amount(fields.whole("units"), asset).positive(),
        memo=fields.text("memo", ""),
    )
    fields.require_empty()
    return ask


def _circumstances(fields: Fields, ask: Ask) -> Circumstances:
    return Circumstances(
        owner=fields.text("owner", ask.customer),
        kyc_level=fields.whole("kyc_level", 0),
        source=fields.member("source", Tier, Tier.HOT),
        destination=Destination(
            fields.member("destination", DestinationKind, DestinationKind.ONE_TIME),
            fields.whole_or_none("destination_added_at_s"),
            fields.text("destination_added_by", ""),
            fields.text("destination_resembles", ""),
            fields.text("destination_compared_by", ""),
        ),
        security_hold_until_s=fields.whole("security_hold_until_s", 0),
        frozen=fields.text("frozen", ""),
        unsettled=fields.text("unsettled", ""),
        people=fields.whole("people", 0),
    )


def _price(fields: Fields, now_s: int) -> Price | None:
    """{micros} alone is a price of now with itself as its anchor."""
    if not fields.has("price"):
        return None
    price = fields.fields("price")
    micros = price.whole("micros")
    found = Price(micros, price.whole("at_s", now_s), price.whole("anchor_micros", micros))
    price.require_empty()
    return found


def _used(fields: Fields, ask: Ask, known: Circumstances) -> dict[UsageKey, int]:
    scope, window_s = fields.member("scope", Scope), fields.whole("window_s")
    value, found = scope_value(scope, ask, known), {}
    for name, asset in (("units", ask.amount.asset.key), ("micros", None)):
        total = fields.whole_or_none(name)
        if total is not None:
            found[UsageKey(scope, value, asset, window_s)] = total
    if not found:
        raise fields.wrong("units", "tell units, or micros of the reference currency")
    fields.require_empty()
    return found

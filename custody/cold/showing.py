"""What a request does, as lines for people and as JSON; everything from the room's own decoder.

Rules:
    * No text of the file reaches the screen with anything in it that could change what stands around it.
    * Addresses and amounts stand whole, never shortened; what is not ours says so in capitals.

Example:
    lines = show(request, seen, rules)
"""

from __future__ import annotations

from datetime import UTC, datetime

from custody.cold.files import groups, plain
from custody.cold.home import Place
from custody.cold.request import ColdRequest
from custody.cold.room import Seen
from custody.primitives.amount import Amount
from custody.primitives.approval import Verdict
from custody.primitives.encoding import Json
from custody.signers.registration import MEMBER_PATH
from custody.signers.rules import Rules

_NAME_WIDTH = 12


def show(request: ColdRequest, seen: Seen, rules: Rules) -> list[str]:
    """Say what a request does, line by line."""
    wallet, understood = seen.wallet, seen.understood
    lines = [
        _line("request", groups(request.digest)),
        _line("wallet", f"{wallet.id} on {wallet.chain}; {rules.name} signs at {wallet.our_paths[MEMBER_PATH]}"),
        _line("number", f"{request.sequence}; the last one signed is {seen.last_sequence}"),
        _line("made by", f"{request.made_by} at {_moment(request.made_at_s)}"),
        _line("approved by", _approvers(request, rules)),
        _line("policy", f"version {request.policy_version}"),
        _line("expires", _moment(request.expires_at_s)),
    ]
    for number, ((to, amount, memo), place) in enumerate(
        zip(understood.summary.payments(), seen.places, strict=True), start=1
    ):
        lines += [
            _line(f"payment {number}", _units(amount)),
            _line("  to", to.text),
            _line("  which is", _named(place)),
            _line("  memo", memo) if memo else "  no memo",
        ]
    lines += [_line("change", f"{_units(amount)} to {to.text}") for to, amount in understood.summary.change]
    lines += [_line("ours", f"{text}, derived again at {path}") for text, path in seen.own]
    fee = understood.summary.fee
    lines.append(_line("fee", f"{_units(fee)}, at most {rules.fee_caps.get(wallet.chain, 0)} base units"))
    lines.append(_line("consumes", understood.conflict_key))
    lines += [
        _line(
            "signs", f"{item.message.hex() if len(item.message) == 32 else f'{len(item.message)} bytes'} [{item.index}]"
        )
        for item in understood.to_sign
    ]
    refusal = seen.refusal
    lines.append(
        _line("verdict", "may be signed" if refusal is None else f"REFUSED: {refusal.message} [{refusal.code}]")
    )
    return lines


def as_json(request: ColdRequest, seen: Seen) -> dict[str, Json]:
    """The same for programs."""
    summary = seen.understood.summary
    return {
        "request": request.digest.hex(),
        "wallet_id": seen.wallet.id,
        "sequence": request.sequence,
        "last_sequence": seen.last_sequence,
        "made_by": request.made_by,
        "expires_at_s": request.expires_at_s,
        "payments": [
            {
                "to": to.text,
                "units": str(amount.units),
                "asset": amount.asset.key,
                "memo": memo,
                "place": None if place is None else {"wallet": place.wallet_id, "tier": place.tier},
            }
            for (to, amount, memo), place in zip(summary.payments(), seen.places, strict=True)
        ],
        "change": [{"to": to.text, "units": str(amount.units)} for to, amount in summary.change],
        "own": [{"address": text, "path": path} for text, path in seen.own],
        "fee_units": str(summary.fee.units),
        "conflict_key": seen.understood.conflict_key,
        "refusal": None if seen.refusal is None else {"code": seen.refusal.code, "message": seen.refusal.message},
    }


def _approvers(request: ColdRequest, rules: Rules) -> str:
    """Who on our own roster said yes; whether that is a quorum of true signatures is for the verdict."""
    roster = rules.quorum_for(request.request.wallet_id).roster
    yes = {each.approver for each in request.request.approvals if each.verdict is Verdict.APPROVE}
    return ", ".join(sorted(name for name in yes if roster.member(name) is not None)) or "nobody"


def _line(name: str, text: str) -> str:
    return f"{name:<{_NAME_WIDTH}} {plain(text)}"


def _units(amount: Amount) -> str:
    return f"{amount} ({amount.units} base units)"


def _named(place: Place | None) -> str:
    return "NO PLACE OF OURS" if place is None else f"{place.wallet_id}, {place.tier}"


def _moment(at_s: int) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")

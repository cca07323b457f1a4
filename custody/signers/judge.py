"""The judgement: does what the payload does equal what was asked, by whom it may be asked, within our limits?

Rules, in the order in which they refuse:
    1. wallet, role and chain of the request are the registered ones;
    2. no intent has expired, none stands twice;
    3. the payments of the payload, tag or memo included, are exactly the payments of the intents, as multisets;
    4. every destination is allowed for this wallet;
    5. the fee is in the native coin and within the sum of `fee_max` and our own cap;
    6. bytes that expire by time expire within the hour: nobody may hoard a signature;
    7. a quorum approved every single intent.
    Pure: no clock, no memory, no key. Change was proven by the decoder; here it is not trusted as payment.

Example:
    judge(request, understood, wallet, rules, now_s)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from custody.keys.material import SigningRequest
from custody.keys.quorum import verify_quorum
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.errors import LimitExceeded, Refused
from custody.primitives.intent import TransferIntent, TransferSummary, intent_hash
from custody.signers.port import Understood
from custody.signers.registration import RegisteredWallet
from custody.signers.rules import Rules
from custody.signers.wire import MAX_SIGNATURES

MAX_VALIDITY_S = 3_600
"""Builders choose a minute; an hour allows for clocks that differ."""


class PayloadMismatch(Refused):
    """The payload does something else than the intents say."""

    code = "payload_mismatch"


class IntentExpired(Refused):
    """The intent's time has passed."""

    code = "intent_expired"


def judge(request: SigningRequest, understood: Understood, wallet: RegisteredWallet, rules: Rules, now_s: int) -> None:
    """Refuse what must not be signed.

    Args:
        request: What was asked, with intents and approvals; nothing in it is trusted.
        understood: What our own decoder read out of the payload.
        wallet: Our own registration.
        rules: Our own rules.
        now_s: Now, in seconds since 1970 UTC.

    Raises:
        Refused: One of the rules above says no; the leaf and the message name it.
        BadSignature: An approval in the name of a roster member is not theirs.
    """
    require_registered(request, wallet)
    _require_live(request.intents, now_s)
    _require_same_payments(request.intents, understood)
    _require_destinations(understood.summary, wallet, rules)
    _require_fee(request.intents, understood.summary, wallet, rules)
    if understood.valid_until_s is not None and understood.valid_until_s > now_s + MAX_VALIDITY_S:
        raise LimitExceeded(
            f"wallet {wallet.id}: the bytes stay valid until {understood.valid_until_s}, more than an hour ahead",
            asked=understood.valid_until_s,
            limit=now_s + MAX_VALIDITY_S,
        )
    if not 0 < len(understood.to_sign) <= MAX_SIGNATURES:
        raise Refused(f"{len(understood.to_sign)} signatures asked in one request", wallet=wallet.id)
    for intent in request.intents:
        verify_quorum(intent_hash(intent), request.approvals, rules.quorum_for(wallet.id), "", now_s)


def require_registered(request: SigningRequest, wallet: RegisteredWallet) -> None:
    """Check wallet, role and chain; also done before a stored answer is repeated.

    Raises:
        Refused: The request is for another wallet, chain or role than registered.
    """
    if request.wallet_id != wallet.id or request.chain != wallet.chain:
        raise Refused(f"wallet {wallet.id} is registered on {wallet.chain}, not {request.chain}", wallet=wallet.id)
    if request.role not in wallet.roles:
        raise Refused(f"wallet {wallet.id}: we do not sign as {request.role}", wallet=wallet.id)
    if any(intent.to.chain != wallet.chain for intent in request.intents):
        raise PayloadMismatch(f"wallet {wallet.id}: an intent is for another chain", wallet=wallet.id)
    ids = [intent.withdrawal_id for intent in request.intents]
    if len(set(ids)) != len(ids):
        raise Refused(f"wallet {wallet.id}: one withdrawal stands twice in the request", wallet=wallet.id)


def _require_live(intents: Sequence[TransferIntent], now_s: int) -> None:
    for intent in intents:
        if now_s >= intent.expires_at_s:
            raise IntentExpired(
                f"intent {intent.withdrawal_id} expired at {intent.expires_at_s}", withdrawal=intent.withdrawal_id
            )


def _require_same_payments(intents: Sequence[TransferIntent], understood: Understood) -> None:
    asked = Counter((*_payment(intent.to, intent.amount), intent.memo) for intent in intents)
    done = Counter((*_payment(to, amount), memo) for to, amount, memo in understood.summary.payments())
    if asked != done:
        surplus, absent = next(iter(done - asked), None), next(iter(asked - done), None)
        raise PayloadMismatch(
            "the payload " + (f"pays {surplus}, which no intent asks" if surplus else f"does not pay {absent}"),
            surplus=sum((done - asked).values()),
            absent=sum((asked - done).values()),
        )


def _payment(to: Address, amount: Amount) -> tuple[str, str, str, int]:
    """What makes two payments the same: the asset's name and decimals are labels and do not count."""
    return to.chain, to.text, amount.asset.key, amount.positive().units


def _require_destinations(summary: TransferSummary, wallet: RegisteredWallet, rules: Rules) -> None:
    allowed = rules.destinations.get(wallet.id)
    for to, _ in summary.to if allowed is not None else ():
        if allowed is not None and to.text not in allowed:
            raise Refused(f"wallet {wallet.id} may not pay {to}", wallet=wallet.id, to=to.text)


def _require_fee(
    intents: Sequence[TransferIntent], summary: TransferSummary, wallet: RegisteredWallet, rules: Rules
) -> None:
    if summary.fee.asset.key != f"{wallet.chain}/native" or summary.fee.units < 0:
        raise PayloadMismatch(f"wallet {wallet.id}: a fee of {summary.fee.units} {summary.fee.asset.key}")
    cap = rules.fee_cap(wallet.chain)
    if intents:
        cap = min(cap, sum(intent.fee_max.units for intent in intents))
    elif wallet.id not in rules.own_moves:
        raise Refused(f"wallet {wallet.id}: no intent, and moves within the wallet are not allowed", wallet=wallet.id)
    if summary.fee.units > cap:
        raise LimitExceeded(f"fee of {summary.fee.units}, at most {cap}", asked=str(summary.fee.units), limit=str(cap))

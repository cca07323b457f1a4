"""Refill requests from cold, as the online side takes them up: which wallet, which node, where to, under which policy.

Example:
    asked = open_refill(home, "refill-BTC-warm-1")
    plan = plan_payment(asked.desk, ask_for(home, asked, now_s))
"""

from __future__ import annotations

from dataclasses import dataclass

from custody.keys import ed25519
from custody.keys.material import Signer
from custody.keys.passphrase import read_passphrase
from custody.primitives.errors import Conflict, NotFound
from custody.signers.client import RemoteSigner
from custody.wallets.refill_requests import RefillRequest
from custody.withdrawals.facts import Tier
from exchange.app.blueprint import WalletSpec, load_blueprint
from exchange.app.cold_desks import ColdDesk, open_cold_desk
from exchange.app.cold_requests import LIFE_S, Ask, Maker
from exchange.app.cold_rooms import places_of
from exchange.app.home import Home
from exchange.app.house_facts import HousePolicy
from exchange.app.keyholders import STAFF_PATH, open_ed25519
from exchange.app.treasury_report import report_refills
from exchange.app.wallet_kits import COLD


class RefillNotFromCold(Conflict):
    """The request is not open, or no cold wallet serves it."""

    code = "refill_not_from_cold"


@dataclass(frozen=True, slots=True)
class ColdRefill:
    """An open request, the cold wallet that serves it, where it pays, and the memo that goes with it."""

    request: RefillRequest
    desk: ColdDesk
    to: str
    memo: str


def open_refill(home: Home, refill_id: str) -> ColdRefill:
    """Find an open refill request from cold, and connect the wallet that serves it.

    Raises:
        NotFound: No such request.
        RefillNotFromCold: It has ended, or is not from cold.
        NodeUnavailable: The chain's node does not answer.
    """
    found = next(((asset, each) for asset, each in report_refills(home) if each.id == refill_id), None)
    if found is None:
        raise NotFound(f"no refill request {refill_id!r}", id=refill_id)
    asset, request = found
    if not request.is_open or request.source is not Tier.COLD:
        raise RefillNotFromCold(f"{request.id} is {request.state}, from {request.source} to {request.destination}")
    wallets = load_blueprint(home.blueprint).wallets
    spec = next(each for each in wallets if (each.chain, each.tier) == (asset.chain, COLD))
    known = places_of(spec, wallets)
    places = [address for address, place in known.items() if place.tier == request.destination.value]
    if not places:
        raise RefillNotFromCold(f"{spec.id} may not pay into {request.destination}")
    return ColdRefill(request, _connect(home, spec), places[0], known[places[0]].memo)


def ask_for(home: Home, refill: ColdRefill, now_s: int) -> Ask:
    """What the request asks to pay, under the policy in force: its version, and its cap on fees.

    Raises:
        InvalidInput: The policy is malformed.
    """
    policy = HousePolicy(home.policy, load_blueprint(home.blueprint).staff).active(now_s)
    request, chain = refill.request, refill.desk.codec.chain.id
    return Ask(
        *(request.id, refill.to, request.units, policy.fee_caps[chain], policy.version),
        expires_at_s=request.raised_at_s + LIFE_S,
        memo=refill.memo,
    )


def desk_of(home: Home, wallet_id: str) -> ColdDesk:
    """Connect a cold wallet by its id.

    Raises:
        NotFound: No such cold wallet.
        NodeUnavailable: The chain's node does not answer.
    """
    for spec in load_blueprint(home.blueprint).wallets:
        if (spec.id, spec.tier) == (wallet_id, COLD):
            return _connect(home, spec)
    raise NotFound(f"no cold wallet {wallet_id!r}", wallet=wallet_id)


def sender_of(home: Home) -> Signer:
    """The signer process that pays fees."""
    name = load_blueprint(home.blueprint).sender
    return RemoteSigner(name, home.socket(name))


def maker_of(home: Home, officer: str) -> Maker:
    """An officer as the maker of a request file, with the key below this home.

    Raises:
        NotFound: The officer has no keystore here.
        Refused, VerificationFailed: The keystore is open to others, or the passphrase is wrong.
    """
    key = open_ed25519(home.keystore(officer), read_passphrase(home.passphrase), STAFF_PATH)
    return Maker(officer, lambda message: ed25519.sign(key, message))


def _connect(home: Home, spec: WalletSpec) -> ColdDesk:
    chain = next(each for each in load_blueprint(home.blueprint).chains if each.chain == spec.chain)
    return open_cold_desk(chain, spec)

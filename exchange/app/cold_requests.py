"""The online side of a cold payment: a plan with its intent, then the request file, then the result on the chain.

Rules:
    * The plan is kept on this side; the request that leaves holds what the members sign, made again from it.
    * Officers approve the intent, as they do for every payment; who makes the file signs all of it.
    * Numbers are handed out once for each wallet, on disk before the file is.
    * What is sent is put together here from the signatures, by the builder's code: its id must be the one that the
      cold room computed by its own.

Example:
    plan = plan_payment(desk, ask, keyholders)
    request = request_of(desk, plan, approvals, maker)
    signed = finish_payment(desk, plan, request, result, sender)
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from custody.chains.port import SignedTx
from custody.cold.files import document, open_document
from custody.cold.finishing import TXID
from custody.cold.parts import ColdResult
from custody.cold.request import ColdRequest, PartOfAnother
from custody.keys.material import Signature, Signer, SigningRequest, SigningRole
from custody.keys.private_files import make_private_folder, read_private, replace_private
from custody.primitives.amount import Amount
from custody.primitives.approval import Approval
from custody.primitives.errors import InvalidInput, MalformedPayload, NotFound, QuorumNotReached, VerificationFailed
from custody.primitives.ids import WithdrawalId
from custody.primitives.intent import TransferIntent, intent_hash
from custody.signers.wire import decode_request, encode_request
from exchange.app.cold_desks import ColdDesk
from exchange.app.home import Home

PLAN_FORMAT = "mext/cold-plan/1"
LIFE_S = 3 * 86_400
"""As long as a request to people lives: see `exchange.settlement.refilling.PEOPLE_WAIT_S`."""
_MAX_NUMBER_BYTES = 32


class ResultDiffers(VerificationFailed):
    """The cold room and the builder do not agree on what was signed."""

    code = "cold_result_differs"


@dataclass(frozen=True, slots=True)
class Ask:
    """What is to be paid: under which id and policy, where to, how much, with which fee at most, until when."""

    id: str
    to: str
    units: int
    fee_max: int
    policy_version: int
    expires_at_s: int
    memo: str = ""


@dataclass(frozen=True, slots=True)
class ColdPlan:
    """What the online side keeps of a cold payment.

    Attributes:
        request: Wallet, payload for the members, and the intent; no approvals yet.
        plan: The builder's own unsigned transaction.
    """

    request: SigningRequest
    plan: bytes

    @property
    def intent(self) -> TransferIntent:
        """The one payment."""
        return self.request.intents[0]

    @property
    def raw(self) -> bytes:
        """The file."""
        return document(PLAN_FORMAT, {"request": encode_request(self.request), "plan": self.plan.hex()})


@dataclass(frozen=True, slots=True)
class Maker:
    """Who makes a request file: approver id, and their signature over it."""

    approver: str
    sign: Callable[[bytes], bytes]


def plan_payment(desk: ColdDesk, ask: Ask, keyholders: Sequence[str] = ()) -> ColdPlan:
    """Plan a payment from a cold wallet.

    Args:
        desk: The wallet and its node.
        ask: The payment.
        keyholders: Who will sign; only Solana fixes them in the message. By default the first ones.

    Raises:
        NotFound: A keyholder is no member.
        Refused, InvalidInput: The wallet cannot pay it.
        NodeUnavailable: The node does not answer.
    """
    intent = TransferIntent(
        withdrawal_id=WithdrawalId(ask.id),
        to=desk.codec.parse_address(ask.to),
        amount=Amount(ask.units, desk.native),
        fee_max=Amount(ask.fee_max, desk.native),
        memo=ask.memo,
        policy_version=ask.policy_version,
        salt=secrets.token_hex(16),
        expires_at_s=ask.expires_at_s,
    )
    names = tuple(keyholders) or tuple(desk.members)[: desk.spec.threshold]
    if unknown := sorted(set(names) - set(desk.members)):
        raise NotFound(f"{unknown[0]} holds no key of {desk.spec.id}; {', '.join(desk.members)} do", name=unknown[0])
    tx = desk.codec.plan([intent], desk.reader.spendable(frozenset()), [desk.members[name] for name in names])
    need = desk.codec.next_need(tx, ())
    if need is None:
        raise InvalidInput(f"{desk.spec.id}: nothing is to be signed")
    asked = SigningRequest(desk.codec.chain.id, desk.spec.id, SigningRole.MEMBER, need.payload, (intent,), ())
    return ColdPlan(asked, desk.codec.encode(tx))


def decode_cold_plan(raw: bytes) -> ColdPlan:
    """Read a plan file.

    Raises:
        MalformedPayload: Not such a file.
    """
    fields = open_document(raw, PLAN_FORMAT, "cold plan")
    fields.only("format", "request", "plan")
    plan = ColdPlan(decode_request(fields.fields("request")), fields.raw("plan"))
    if len(plan.request.intents) != 1:
        raise MalformedPayload("cold plan: it has exactly one payment")
    return plan


def request_of(plan: ColdPlan, approvals: Sequence[Approval], maker: Maker, sequence: int, now_s: int) -> ColdRequest:
    """Make the file for the cold rooms.

    Args:
        plan: As `plan_payment` made it.
        approvals: Of its intent.
        maker: Signs the file.
        sequence: From `next_number`.
        now_s: Now, in seconds since 1970 UTC.

    Raises:
        InvalidInput: An approval is of another intent.
    """
    asked, hashed = plan.request, intent_hash(plan.intent)
    if strays := [each.approver for each in approvals if each.intent_hash != hashed]:
        raise InvalidInput(f"the approval of {strays[0]} is of another intent", approver=strays[0])
    whole = SigningRequest(*(asked.chain, asked.wallet_id, asked.role, asked.payload, asked.intents), tuple(approvals))
    version, expires_at_s = plan.intent.policy_version, plan.intent.expires_at_s
    return ColdRequest(whole, version, sequence, expires_at_s, maker.approver, now_s).signed(maker.sign)


def next_number(home: Home, wallet_id: str) -> int:
    """Hand out the next number for a wallet's requests; it is on disk before it is used, and never comes again."""
    folder = home.folder / "cold"
    make_private_folder(folder)
    path = folder / f"{wallet_id}.number"
    last = _read_number(path)
    replace_private(path, str(last + 1).encode())
    return last + 1


def finish_payment(desk: ColdDesk, plan: ColdPlan, result: ColdResult, sender: Signer | None) -> SignedTx:
    """Put the final bytes together.

    Args:
        desk: The wallet and its node.
        plan: As it was made.
        result: From `mext cold combine`.
        sender: Signs what members do not: the account transaction around a Safe's, and as Solana's fee payer.

    Raises:
        BadSignature: A signature does not verify.
        QuorumNotReached: Members or the sender are missing.
        ResultDiffers: The cold room computed another id.
        Refused: The sender's own rules say no.
    """
    tx = desk.codec.decode(plan.plan)
    signatures: tuple[Signature, ...] = result.signatures
    need = desk.codec.next_need(tx, signatures)
    if need is not None and need.role is SigningRole.SENDER:
        if sender is None:
            raise QuorumNotReached(f"{desk.spec.id}: the sender has to sign too, and none is at hand")
        asked = plan.request
        signatures += sender.sign(
            SigningRequest(asked.chain, asked.wallet_id, need.role, need.payload, asked.intents, asked.approvals)
        )
    signed = desk.codec.assemble(tx, signatures)
    if result.names == TXID and signed.txid != result.name:
        raise ResultDiffers(f"the cold room says {result.name}, the builder {signed.txid}", computed=signed.txid)
    return signed


def require_result_of(request: ColdRequest, result: ColdResult) -> None:
    """Demand that a result answers a request.

    Raises:
        PartOfAnother: It answers another one.
    """
    if (result.request, result.wallet_id) != (request.digest, request.request.wallet_id):
        raise PartOfAnother(f"the result answers request {result.request.hex()[:16]}..., not this one")


def with_approvals(plan: ColdPlan, request: ColdRequest) -> ColdPlan:
    """The plan with what the request carries, for a sender that asks for approvals too.

    Raises:
        PartOfAnother: The request was made from another plan.
    """
    ours, theirs = plan.request, request.request
    if (ours.wallet_id, ours.payload, ours.intents) != (theirs.wallet_id, theirs.payload, theirs.intents):
        raise PartOfAnother("the request was made from another plan")
    return ColdPlan(theirs, plan.plan)


def _read_number(path: Path) -> int:
    try:
        text = read_private(path, _MAX_NUMBER_BYTES).decode("ascii")
    except NotFound:
        return 0
    if not text.isdecimal():
        raise MalformedPayload(f"{path}: not a number", path=str(path))
    return int(text)

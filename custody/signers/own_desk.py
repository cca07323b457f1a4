"""The operations of a signer that sign ownership texts: `own` by one key, `own_round` by a share of a group's key.

Rules:
    * In order: registered? frozen? can it be signed at all? approved? ours? then sign; refusals are logged too.
    * Both rounds of a group need the same approvals; a commitment is in the log before it leaves.
    * A share is remembered by its commitment only. Round two asked again is refused, and the coordinator begins
      again with round one: the text moves nothing, so a second signature over it costs nobody anything.

Example:
    desk = OwnershipDesk(room, keyring, rounds)
    desk.own(fields)
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import TypeVar

from custody.keys.material import Signature
from custody.keys.quorum import verify_quorum
from custody.keys.strict_json import Fields
from custody.primitives.approval import Approval
from custody.primitives.encoding import Json
from custody.primitives.errors import Refused, ToolkitError
from custody.signers import audit
from custody.signers.frost_rounds import FrostRounds
from custody.signers.keyring import Keyring
from custody.signers.ownership import OwnershipRequest, OwnershipSignature, ownership_digest
from custody.signers.ownership_rounds import COMMITMENT_INDEX, SHARE_INDEX
from custody.signers.owning import own, require_ownable, require_ownable_together
from custody.signers.port import GroupDecoder, ToSign
from custody.signers.room import SignerRoom
from custody.signers.wire import decode_ownership, encode_owned, encode_signature

T = TypeVar("T")


class OwnershipDesk:
    """Answers ownership requests of one signer."""

    def __init__(self, room: SignerRoom, keyring: Keyring, rounds: FrostRounds) -> None:
        self._room = room
        self._keyring = keyring
        self._rounds = rounds

    def own(self, fields: Fields) -> dict[str, Json]:
        """Sign with one key of ours."""
        fields.only("op", "request")
        request, approvals = decode_ownership(fields.fields("request"))
        entry = self._entry("own", request)
        return encode_owned(self._logged(entry, lambda: self._sign(request, approvals, entry)))

    def own_round(self, fields: Fields) -> dict[str, Json]:
        """Answer one of the two rounds with our share of a group's key."""
        fields.only("op", "request", "payload")
        request, approvals = decode_ownership(fields.fields("request"))
        payload = fields.raw("payload")
        entry = self._entry("own_round", request) | {"payload_digest": hashlib.sha256(payload).hexdigest()}
        return encode_signature(self._logged(entry, lambda: self._answer(request, approvals, payload, entry)))

    def _sign(
        self, request: OwnershipRequest, approvals: Sequence[Approval], entry: dict[str, Json]
    ) -> OwnershipSignature:
        desk = self._room.desk(request.wallet_id)
        self._room.require_thawed()
        now_s = self._room.clock.now_s()
        require_ownable(request, desk.wallet, desk.decoder, now_s)
        self._require_approved(request, approvals, now_s)
        place = desk.decoder.owned_place(request.address)  # may search for seconds: only for those who were approved
        with self._room.memory.transaction() as db:
            self._room.require_thawed()
            owned = own(request, desk.wallet, place, self._keyring)
            self._room.memory.remember_points((owned.point,))
            audit.append(db, {**entry, "result": "signed"})
        return owned.signature

    def _answer(
        self, request: OwnershipRequest, approvals: Sequence[Approval], payload: bytes, entry: dict[str, Json]
    ) -> Signature:
        desk = self._room.desk(request.wallet_id)
        self._room.require_thawed()
        now_s, decoder = self._room.clock.now_s(), desk.decoder
        if not isinstance(decoder, GroupDecoder):
            raise Refused(f"wallet {desk.wallet.id}: its keys sign alone, not in rounds", wallet=desk.wallet.id)
        require_ownable_together(request, desk.wallet, decoder, now_s)
        self._require_approved(request, approvals, now_s)
        place, text = decoder.owned_place(request.address), request.text().encode()
        step = decoder.understand_text(payload, text)
        with self._room.memory.transaction() as db:
            self._room.require_thawed()
            if step.package is None:
                made = self._rounds.commit(desk.wallet.id, ToSign(COMMITMENT_INDEX, place.path, text), step)
                audit.append(db, {**entry, "result": "committed", "commitment": made.value.hex()})
                return made
            item = ToSign(SHARE_INDEX, place.path, text)
            shared = self._rounds.share(desk.wallet.id, item, step, payload + text)
            self._room.memory.remember_points(shared.points)
            audit.append(db, {**entry, "result": "signed"})
        return shared.signatures[0]

    def _require_approved(self, request: OwnershipRequest, approvals: Sequence[Approval], now_s: int) -> None:
        rule = self._room.rules.quorum_for(request.wallet_id)
        verify_quorum(ownership_digest(request), self._room.standing(approvals), rule, "", now_s)

    def _entry(self, op: str, request: OwnershipRequest) -> dict[str, Json]:
        return {
            "op": op,
            "at_s": self._room.clock.now_s(),
            "wallet_id": request.wallet_id,
            "chain": request.chain,
            "address": request.address,
            "text_digest": ownership_digest(request).hex(),
        }

    def _logged(self, entry: dict[str, Json], work: Callable[[], T]) -> T:
        try:
            answer = work()
            self._room.require_lease()
        except ToolkitError as error:
            self._room.log({**entry, "result": error.code, "message": error.message})
            raise
        return answer

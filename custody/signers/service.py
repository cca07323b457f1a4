"""What a signer answers: the operations, without the socket.

Rules:
    * `sign` in order: registered? frozen, or without a lease? answered before? understood and judged? free in memory?
      then sign; and a lease still, before it leaves.
    * Round one of a threshold signature is judged like a signature, but releases none: a commitment is logged
      and not remembered, so the withdrawal can still be given up.
    * `own` and `own_round` sign an ownership text of our own making, under an approval of its own; it moves nothing.
    * Every decision is logged in the hash chain before the answer leaves.
    * A broken invariant freezes the signer: a bug near a private key is not retried.

Example:
    service = SignerService.open(home, seed, SystemClock())
    service.answer({"op": "health"})
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import replace

from custody.keys.material import Signature, SigningRequest
from custody.keys.strict_json import Fields
from custody.primitives.clock import Clock
from custody.primitives.encoding import Json
from custody.primitives.errors import InvalidInput, InvariantBroken, ToolkitError
from custody.primitives.intent import intent_hash
from custody.primitives.secret import Secret
from custody.signers import audit
from custody.signers.ask import Made, ask_of
from custody.signers.faults import encode_fault
from custody.signers.frost_rounds import FrostRounds
from custody.signers.home import SignerHome
from custody.signers.judge import judge, require_registered
from custody.signers.key_holders import KeyHolder
from custody.signers.keyring import Keyring
from custody.signers.lease import FileLease
from custody.signers.memory import Memory
from custody.signers.own_desk import OwnershipDesk
from custody.signers.port import ThresholdRound, Understood
from custody.signers.registration import MEMBER_PATH, RegisteredWallet
from custody.signers.registry import FAMILIES, SignerFamily, family_of, require_stored_keys_suffice
from custody.signers.remembered import releases_after
from custody.signers.room import Desk, SignerRoom
from custody.signers.rules import Rules
from custody.signers.wire import decode_request, encode_key, encode_release, encode_signature

MAX_REASON_CHARS = 200
MAX_ID_CHARS = 200


class SignerService:
    """One unlocked signer."""

    def __init__(
        self, rules: Rules, keyring: Keyring, memory: Memory, clock: Clock, lease: FileLease | None = None
    ) -> None:
        self.rules = rules
        self._keyring = keyring
        self._frost = FrostRounds(keyring)
        self._memory = memory
        self._clock = clock
        self._desks: dict[str, Desk] = {}
        self._room = SignerRoom(rules, memory, clock, self._desks, lease)
        ownership = OwnershipDesk(self._room, keyring, self._frost)
        self._operations: Mapping[str, Callable[[Fields], dict[str, Json]]] = {
            "health": self._health,
            "public_keys": self._public_keys,
            "sign": self._sign,
            "own": ownership.own,
            "own_round": ownership.own_round,
            "tombstone": self._tombstone,
            "freeze": self._freeze,
            "releases": self._releases,
        }

    @classmethod
    def open(
        cls,
        home: SignerHome,
        keys: Secret | KeyHolder,
        clock: Clock,
        families: Mapping[str, SignerFamily] = FAMILIES,
        lease: FileLease | None = None,
    ) -> SignerService:
        """Load rules, registrations and memory of a home.

        Args:
            home, keys, clock: The signer's own; the keys are its 64-byte seed, or whoever else holds them.
            families: The decoders it knows.
            lease: Asked before anything is signed; None for a signer that needs none.

        Raises:
            InvalidInput: A file in the home is malformed.
            Refused: A wallet is of a family without decoder or that whoever holds the keys cannot serve, or a file
                is open to others.
        """
        keyring = Keyring(keys)
        service = cls(home.load_rules(), keyring, Memory(home.memory), clock, lease)
        for wallet in home.load_wallets():
            family = family_of(wallet.family, families)
            if not isinstance(keys, Secret):
                require_stored_keys_suffice(wallet.family, family)
            elif family.splits_key:
                share = home.load_share(wallet.id, keys)
                for path in wallet.our_paths.values():  # its decoder accepts exactly one
                    keyring.hold_share(path, share)
            service.serve(wallet, family)
        return service

    def serve(self, wallet: RegisteredWallet, family: SignerFamily) -> None:
        """Add a registered wallet."""
        our_keys = {path: self._keyring.public_key(path, family.scheme.curve) for path in wallet.our_paths.values()}
        decoder = family.load()(wallet.registration, our_keys)
        self._desks[wallet.id] = Desk(wallet, decoder, family.scheme)

    def close(self) -> None:
        """Close the memory."""
        self._memory.close()

    def answer(self, message: Mapping[str, object]) -> dict[str, Json]:
        """Answer one message; an error is an answer too.

        Args:
            message: {"op": ..., fields of the operation}.

        Returns:
            {"ok": true, "result": ...} or {"ok": false, "error": {"kind", "code", "message", "facts"}}.
        """
        fields = Fields(message, "message")
        try:
            operation = self._operations.get(fields.text("op"))
            if operation is None:
                raise InvalidInput("unknown operation; known: " + ", ".join(sorted(self._operations)))
            return {"ok": True, "result": operation(fields)}
        except InvariantBroken as broken:
            self._memory.freeze(broken.message)
            return {"ok": False, "error": encode_fault(broken)}
        except ToolkitError as error:
            return {"ok": False, "error": encode_fault(error)}

    def _health(self, fields: Fields) -> dict[str, Json]:
        fields.only("op")
        with self._memory.transaction() as db:
            number, head = audit.head(db)
        return {
            "name": self.rules.name,
            "rules_version": self.rules.version,
            "fingerprint": self._keyring.fingerprint(),
            "frozen": self._room.freeze_reason(),
            "highest_sequence": self._memory.highest_sequence(),
            "audit": {"number": number, "hash": head.hex()},
            "wallets": sorted(self._desks),
        }

    def _public_keys(self, fields: Fields) -> dict[str, Json]:
        fields.only("op", "chain", "wallet_id")
        desk = self._desks.get(fields.text("wallet_id"))
        if desk is None or desk.wallet.chain != fields.text("chain"):
            return {"keys": []}
        # The member key first: it is the one most callers look for.
        names = sorted(desk.wallet.our_paths, key=lambda name: (name != MEMBER_PATH, name))
        paths = dict.fromkeys(desk.wallet.our_paths[name] for name in names)
        return {"keys": [encode_key(self._keyring.public_key(path, desk.scheme.curve)) for path in paths]}

    def _tombstone(self, fields: Fields) -> dict[str, Json]:
        fields.only("op", "withdrawal_id")
        withdrawal_id = fields.text("withdrawal_id")
        if not 0 < len(withdrawal_id) <= MAX_ID_CHARS:
            raise InvalidInput(f"a withdrawal id has 1 to {MAX_ID_CHARS} characters")
        now_s = self._clock.now_s()
        self._memory.tombstone(withdrawal_id, now_s)
        self._room.log({"op": "tombstone", "at_s": now_s, "withdrawal_id": withdrawal_id})
        return {}

    def _releases(self, fields: Fields) -> dict[str, Json]:
        fields.only("op", "after")
        return {"releases": [encode_release(each) for each in releases_after(self._memory, fields.integer("after"))]}

    def _freeze(self, fields: Fields) -> dict[str, Json]:
        fields.only("op", "reason")
        reason = fields.text("reason")[:MAX_REASON_CHARS]
        self._memory.freeze(reason)
        self._room.log({"op": "freeze", "at_s": self._clock.now_s(), "reason": reason})
        return {}

    def _sign(self, fields: Fields) -> dict[str, Json]:
        fields.only("op", "request")
        request = decode_request(fields.fields("request"))
        entry: dict[str, Json] = {
            "op": "sign",
            "at_s": self._clock.now_s(),
            "wallet_id": request.wallet_id,
            "role": request.role.value,
            "payload_digest": hashlib.sha256(request.payload).hexdigest(),
            "intents": [intent_hash(intent).hex() for intent in request.intents],
        }
        try:
            signatures = self._release(request, entry)
            self._room.require_lease()  # remembered already: asked again with a lease, the answer is repeated
        except ToolkitError as error:
            self._room.log({**entry, "result": error.code, "message": error.message})
            raise
        return {"signatures": [encode_signature(signature) for signature in signatures]}

    def _release(self, request: SigningRequest, entry: Mapping[str, Json]) -> tuple[Signature, ...]:
        desk = self._room.desk(request.wallet_id)
        require_registered(request, desk.wallet)
        self._room.require_thawed()
        understood = desk.decoder.understand(request.payload, request.role)
        ask = ask_of(request, understood)
        earlier = self._memory.repeat(ask)
        if earlier is not None:
            self._room.log({**entry, "result": "repeated"})
            return earlier
        now_s = self._clock.now_s()
        standing = replace(request, approvals=self._room.standing(request.approvals))
        judge(standing, understood, desk.wallet, self.rules, now_s)
        step = understood.threshold
        if step is not None and step.package is None:
            return (self._commit(desk, understood, step, entry),)

        def sign(db: sqlite3.Connection) -> Made:
            made = self._make(request, desk, understood)
            audit.append(db, {**entry, "result": "signed"})  # one commit for signature and log
            return made

        return self._memory.release(ask, self.rules, now_s, sign)

    def _commit(self, desk: Desk, understood: Understood, step: ThresholdRound, entry: Mapping[str, Json]) -> Signature:
        """Answer round one; the commitment is in the log before it leaves."""
        with self._memory.transaction() as db:
            self._room.require_thawed()
            committed = self._frost.commit(desk.wallet.id, understood.to_sign[0], step)
            audit.append(db, {**entry, "result": "committed", "commitment": committed.value.hex()})
        return committed

    def _make(self, request: SigningRequest, desk: Desk, understood: Understood) -> Made:
        if understood.threshold is not None:
            return self._frost.share(desk.wallet.id, understood.to_sign[0], understood.threshold, request.payload)
        signatures, points = [], []
        for item in understood.to_sign:
            ours = desk.wallet.require_ours(item.path, request.role)
            key, value = self._keyring.sign(ours, item.path, desk.scheme, item.message)
            signatures.append(Signature(key, item.index, value))
            points.append((desk.scheme.nonce_point(value), hashlib.sha256(key.raw + item.message).digest()))
        return Made(tuple(signatures), tuple(points))

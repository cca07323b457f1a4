"""The cold room itself: opens its home, reads a request by its own decoder, and signs what a person confirmed.

Rules:
    * What a signer process asks is asked here too, by the same code: decoder, judgement, buckets, memory, log. Beside
      that stand the seal of the home, the maker of the file, its number, and the places the wallet may pay.
    * A wallet without places pays nobody: an empty rule refuses.
    * A payment carries the memo that its place names, and none where it names none: under a shared address another
      memo is another owner.
    * Order: seal, maker, expiry, number, decode, place, judge; then a person; then the number is remembered; then
      the signature is made, remembered, and leaves.

Example:
    with open_room(ColdHome(folder), passphrase, SystemClock()) as room:
        seen = room.inspect(request)
        part = room.sign(request, answers)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from custody.cold.confirming import questions_for
from custody.cold.home import ColdHome, Place, Places
from custody.cold.parts import ColdPart
from custody.cold.request import ColdRequest
from custody.keys.strict_json import Fields
from custody.primitives.clock import Clock
from custody.primitives.encoding import Json
from custody.primitives.errors import NotFound, Refused, ToolkitError
from custody.primitives.secret import Secret
from custody.signers.faults import decode_fault
from custody.signers.judge import IntentExpired, judge, require_registered
from custody.signers.keyring import Keyring
from custody.signers.memory import Memory
from custody.signers.port import Decoder, Understood
from custody.signers.registration import MEMBER_PATH, RegisteredWallet
from custody.signers.registry import family_of
from custody.signers.rules import Rules
from custody.signers.service import SignerService
from custody.signers.wire import MAX_SIGNATURES, decode_signature, encode_request


class PlaceRefused(Refused):
    """A cold wallet is asked to pay an address that is not one of its places."""

    code = "cold_place_refused"


class MemoRefused(Refused):
    """A payment to a place of ours carries another memo than the place names."""

    code = "cold_memo_refused"


@dataclass(frozen=True, slots=True)
class Seen:
    """What the room's own decoder read, for people.

    Attributes:
        wallet: As registered here.
        understood: Payments, change, fee, and what would be signed.
        own: (address, derivation path) of what is the wallet's own in it, derived anew here.
        places: The place of each payment, in their order; None for one that is not allowed.
        refusal: Why this room would not sign it; None if it would.
        last_sequence: The last number signed for the wallet.
    """

    wallet: RegisteredWallet
    understood: Understood
    own: tuple[tuple[str, str], ...]
    places: tuple[Place | None, ...]
    refusal: ToolkitError | None
    last_sequence: int


class ColdRoom:
    """One opened cold room."""

    def __init__(self, home: ColdHome, rules: Rules, keyring: Keyring, memory: Memory, clock: Clock) -> None:
        self._home = home
        self._clock = clock
        self._places: Places = home.load_places()
        allowed = {name: frozenset(of) for name, of in self._places.items()}
        self.rules = replace(rules, destinations={name: _both(rules, name, of) for name, of in allowed.items()})
        self._keyring = keyring
        self._service = SignerService(self.rules, keyring, memory, clock)
        self._wallets: dict[str, tuple[RegisteredWallet, Decoder]] = {}
        for wallet in home.signer.load_wallets():
            family = family_of(wallet.family)
            keys = {path: keyring.public_key(path, family.scheme.curve) for path in wallet.our_paths.values()}
            self._wallets[wallet.id] = wallet, family.load()(wallet.registration, keys)
            self._service.serve(wallet, family)

    def wallet(self, wallet_id: str) -> RegisteredWallet:
        """A registered wallet.

        Raises:
            NotFound: It is not registered here.
        """
        return self._desk(wallet_id)[0]

    def inspect(self, request: ColdRequest) -> Seen:
        """Decode a request and say what it does, and whether this room would sign it.

        Raises:
            NotFound: The wallet is not registered here.
            MalformedPayload, Refused: The payload does not decode, or to a shape that is never signed.
            PartOfAnother: Its maker did not sign it as it is.
        """
        wallet, decoder = self._desk(request.request.wallet_id)
        request.verify_maker(self.rules.quorum_for(wallet.id).roster)
        require_registered(request.request, wallet)
        understood = decoder.understand(request.request.payload, request.request.role)
        places = tuple(self._places.get(wallet.id, {}).get(to.text) for to, _ in understood.summary.to)
        return Seen(
            wallet=wallet,
            understood=understood,
            own=_own(wallet, decoder, understood),
            places=places,
            refusal=self._refusal(request, wallet, understood),
            last_sequence=self._home.last_sequence(wallet.id),
        )

    def sign(self, request: ColdRequest, ask: Callable[[str], str], below: Callable[[int], int]) -> ColdPart:
        """Sign, if the rules allow it and a person typed what it does.

        Args:
            request: As read from its file.
            ask: Puts a question to the person at this machine and returns what was typed.
            below: Draws a number below another one, for what is asked; `secrets.randbelow`.

        Raises:
            Refused, VerificationFailed, Conflict: A rule, the seal or the number says no; nothing was signed.
            NotConfirmed: The person typed something else; nothing was signed.
        """
        seen = self.inspect(request)
        if seen.refusal is not None:
            raise seen.refusal
        for question in questions_for(seen.understood.summary, below):
            question.verify(ask(question.text))
        self._home.remember(seen.wallet.id, request.sequence, request.digest)
        answer = Fields(self._service.answer({"op": "sign", "request": encode_request(request.request)}), "answer")
        if not answer.flag("ok"):
            raise decode_fault(answer.fields("error"))
        path = seen.wallet.our_paths[MEMBER_PATH]
        return ColdPart(
            request=request.digest,
            wallet_id=seen.wallet.id,
            keyholder=self.rules.name,
            path=path,
            member=self._keyring.public_key(path, family_of(seen.wallet.family).scheme.curve),
            signatures=tuple(
                decode_signature(each) for each in answer.fields("result").each("signatures", MAX_SIGNATURES)
            ),
        )

    def _refusal(self, request: ColdRequest, wallet: RegisteredWallet, understood: Understood) -> ToolkitError | None:
        try:
            self._require_all(request, wallet, understood)
        except ToolkitError as refused:
            return refused
        return None

    def _require_all(self, request: ColdRequest, wallet: RegisteredWallet, understood: Understood) -> None:
        now_s = self._clock.now_s()
        if now_s >= request.expires_at_s:
            raise IntentExpired(f"the request expired at {request.expires_at_s}", expired=request.expires_at_s)
        self._home.require_next(wallet.id, request.sequence, request.digest)
        places = self._places.get(wallet.id, {})
        for to, _, memo in understood.summary.payments():
            if to.text not in places:
                raise PlaceRefused(f"wallet {wallet.id}: {to} is no place that this room knows as ours", to=to.text)
            if memo != places[to.text].memo:
                due = places[to.text].memo or "none"
                raise MemoRefused(f"wallet {wallet.id}: memo {memo!r} to {to}, registered is {due}", to=to.text)
        judge(request.request, understood, wallet, self.rules, now_s)

    def _desk(self, wallet_id: str) -> tuple[RegisteredWallet, Decoder]:
        if wallet_id not in self._wallets:
            raise NotFound(f"wallet {wallet_id} is not registered in this room", wallet=wallet_id)
        return self._wallets[wallet_id]


@contextmanager
def open_room(home: ColdHome, passphrase: Secret, clock: Clock) -> Iterator[ColdRoom]:
    """Unseal a home, verify its seal, and hold it alone.

    Raises:
        SealBroken: Rules, places or a registration is not what was sealed.
        VerificationFailed: The passphrase is wrong.
        NotFound, InvalidInput: A file is missing or malformed.
        Conflict: Another process holds the home.
    """
    with home.signer.lock():
        seed = home.signer.load_seed(passphrase)
        home.verify_seal(seed)
        memory = Memory(home.signer.memory)
        try:
            yield ColdRoom(home, home.signer.load_rules(), Keyring(seed), memory, clock)
        finally:
            memory.close()


def _both(rules: Rules, wallet_id: str, places: frozenset[str]) -> frozenset[str]:
    """Where the rules name destinations of their own, both lists bind."""
    named = rules.destinations.get(wallet_id)
    return places if named is None else places & named


_OWN_FIELDS: dict[str, Json] = {"evm": "safe", "solana": "multisig", "tron": "account", "xrpl": "account"}
"""Where a registration names the one address that its members control."""


def _own(wallet: RegisteredWallet, decoder: Decoder, understood: Understood) -> tuple[tuple[str, str], ...]:
    """The wallet's own addresses in a payload, each proven by deriving it again."""
    named = _OWN_FIELDS.get(wallet.family)
    texts = [to.text for to, _ in understood.summary.change]
    if named is not None:
        texts.append(str(wallet.registration[str(named)]))
    return tuple((text, decoder.owned_place(text).path) for text in dict.fromkeys(texts))

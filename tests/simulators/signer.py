# A simulated signer: own memory, own reading of the payload, own rules; and ways to be down, slow or to lie.
import hashlib
import json
from dataclasses import dataclass, field

from simulators.chain import SimTx, signature, sim_key

from custody.keys.material import MAX_RELEASES, PublicKey, Release, Signature, SigningRole
from custody.primitives.errors import Conflict, Refused, SignerUnavailable


@dataclass
class SimSigner:
    name: str
    now_s: object = lambda: 0
    down: bool = False
    lies: bool = False
    lose_answers: int = 0
    memory: dict[str, dict[bytes, tuple[Signature, ...]]] = field(default_factory=dict)
    tombstones: set[str] = field(default_factory=set)
    asked: int = 0
    log: list[Release] = field(default_factory=list)

    @property
    def key(self) -> PublicKey:
        return sim_key(self.name)

    def public_keys(self, chain, wallet_id):
        return (self.key,)

    def sign(self, request):
        self.asked += 1
        if self.down:
            raise SignerUnavailable(f"{self.name} is down")
        ids = [intent.withdrawal_id for intent in request.intents]
        known = self.memory.get(ids[0], {}).get(request.payload)
        if known is None:
            self._judge(request, ids)
            known = (signature(self.key, request.payload),)
            for each in ids:
                self.memory.setdefault(each, {})[request.payload] = known
            self._remember(request)
        if self.lose_answers:
            self.lose_answers -= 1
            raise SignerUnavailable(f"the answer of {self.name} was lost")
        # A signer remembers only what it verified itself; a lie is what its answer becomes on the way out.
        return (Signature(self.key, 0, b"\x00" * 32),) if self.lies else known

    def tombstone(self, withdrawal_id):
        if self.down:
            raise SignerUnavailable(f"{self.name} is down")
        if self.memory.get(withdrawal_id):
            raise Conflict(f"{self.name} released a signature for {withdrawal_id}")
        self.tombstones.add(withdrawal_id)

    def releases(self, after):
        if self.down:
            raise SignerUnavailable(f"{self.name} is down")
        return tuple(self.log[after : after + MAX_RELEASES])

    def _remember(self, request):
        digest, key = hashlib.sha256(request.payload).digest(), f"sim:{read(request.payload).inputs[0]}"
        ids = tuple(sorted(each.withdrawal_id for each in request.intents))
        self.log.append(Release(len(self.log) + 1, request.wallet_id, request.role, digest, key, ids))

    def _judge(self, request, ids):
        tx = read(request.payload)
        if sorted(tx.outputs) != sorted((each.to.text, each.amount.units) for each in request.intents):
            raise Refused(f"{self.name}: the payload does not do what the intents say")
        if any(self.now_s() >= each.expires_at_s for each in request.intents):
            raise Refused(f"{self.name}: expired")
        if self.tombstones.intersection(ids):
            raise Refused(f"{self.name}: tombstoned")
        for each in ids:
            for payload in self.memory.get(each, {}):
                if request.role is SigningRole.MEMBER and read(payload).inputs[0] != tx.inputs[0]:
                    raise Refused(f"{self.name}: {each} was signed on another conflict key")


def read(payload):
    # The sender's payload carries the members' signatures behind the transaction.
    text = payload.decode("utf-8", "ignore")
    _, end = json.JSONDecoder().raw_decode(text)
    return SimTx.from_bytes(text[:end].encode())

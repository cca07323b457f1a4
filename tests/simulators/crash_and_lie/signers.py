# Signers with the real memory (`custody.signers.memory`) on a folder in RAM; what they read is simulated.
import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from simulators.chain import COIN, signature
from simulators.signer import SimSigner, read
from simulators.signer_kit import rules_json

from custody.keys.material import Signature
from custody.primitives.encoding import canonical_json
from custody.primitives.errors import Refused, SignerUnavailable
from custody.primitives.intent import intent_hash
from custody.signers.ask import Ask, Made
from custody.signers.memory import Memory
from custody.signers.remembered import releases_after
from custody.signers.rules import parse_rules

PLENTY = {"capacity": str(10**15), "refill_per_hour": "0"}
RULES = parse_rules(
    canonical_json(rules_json(fee_caps={COIN.chain: "1000000"}, buckets={COIN.key: PLENTY})),
)


@dataclass
class MemorySigner(SimSigner):
    folder: Path = field(default_factory=Path)

    def __post_init__(self):
        self.notes = Memory.create(self.folder / f"{self.name}.sqlite")

    def sign(self, request):
        self.asked += 1
        if self.down:
            raise SignerUnavailable(f"{self.name} is down")
        ask = self._ask(request)
        made = self.notes.repeat(ask)
        if made is None:
            self._require_sense(request)
            made = self.notes.release(ask, RULES, self.now_s(), lambda _: self._make(request.payload))
        if self.lose_answers:
            self.lose_answers -= 1
            raise SignerUnavailable(f"the answer of {self.name} was lost")
        return (Signature(self.key, 0, b"\x00" * 32),) if self.lies else made

    def tombstone(self, withdrawal_id):
        if self.down:
            raise SignerUnavailable(f"{self.name} is down")
        self.notes.tombstone(withdrawal_id, self.now_s())

    def releases(self, after):
        if self.down:
            raise SignerUnavailable(f"{self.name} is down")
        return releases_after(self.notes, after)

    def _ask(self, request):
        tx = read(request.payload)
        return Ask(
            wallet_id=request.wallet_id,
            role=request.role,
            payload_digest=hashlib.sha256(request.payload).digest(),
            conflict_key=f"sim:{tx.inputs[0]}",
            intents=tuple(sorted((each.withdrawal_id, intent_hash(each)) for each in request.intents)),
            charges={COIN.key: sum(units for _, units in tx.outputs)},
            fee=(COIN.key, tx.fee),
        )

    def _make(self, payload):
        made = signature(self.key, payload)
        return Made((made,), ((made.value, hashlib.sha256(self.key.raw + payload).digest()),))

    def _require_sense(self, request):
        tx = read(request.payload)
        if sorted(tx.outputs) != sorted((each.to.text, each.amount.units) for each in request.intents):
            raise Refused(f"{self.name}: the payload does not do what the intents say")
        if any(self.now_s() >= each.expires_at_s for each in request.intents):
            raise Refused(f"{self.name}: expired")

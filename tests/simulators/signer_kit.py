"""Everything a test of the signer needs: people who approve, rules, wallets, requests."""

from simulators.toy_family import CHAIN, COIN, MEMBER_PATH, SENDER_PATH, TOKEN, TOY_FAMILIES

from custody.keys import ed25519
from custody.keys.material import SigningRequest, SigningRole
from custody.keys.strict_json import Fields
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.approval import Approval, Verdict, approval_message
from custody.primitives.clock import FixedClock
from custody.primitives.ids import WithdrawalId
from custody.primitives.intent import TransferIntent, intent_hash
from custody.primitives.secret import Secret
from custody.signers.faults import decode_fault
from custody.signers.keyring import Keyring
from custody.signers.memory import Memory
from custody.signers.provision import _pretty
from custody.signers.registration import parse_wallet
from custody.signers.rules import parse_rules
from custody.signers.service import SignerService
from custody.signers.wire import decode_signature, encode_request

NOW = 1_700_000_000
PEOPLE = {name: Secret(bytes([number]) * 32) for number, name in enumerate(["ann", "bob", "cem", "eve"], start=1)}
WORDS = Secret(b"legal winner thank year wave sausage worth useful legal winner thank yellow")
SEED = Secret(bytes(range(64)))


def rules_json(**changes):
    rules = {
        "format": "mext/signer-rules/1",
        "name": "alice",
        "version": 1,
        "frozen": False,
        "roster": [
            {
                "approver": name,
                "public_key": ed25519.public_key(PEOPLE[name]).raw.hex(),
                "person": name.title(),
                "organisation": "Bank",
            }
            for name in ("ann", "bob", "cem")
        ],
        "quorum": {"threshold": 2, "max_age_s": 86_400, "min_organisations": 1},
        "wallet_quorums": {},
        "destinations": {},
        "own_moves": [],
        "fee_caps": {CHAIN: "100"},
        "buckets": {
            COIN.key: {"capacity": "10000", "refill_per_hour": "3600"},
            TOKEN.key: {"capacity": "500", "refill_per_hour": "0"},
        },
    }
    return {**rules, **changes}


def wallet_json(wallet_id="hot", family="toy", **changes):
    registration = {
        "id": wallet_id,
        "family": family,
        "chain": CHAIN,
        "network": "local",
        "our_paths": {"member": MEMBER_PATH, "sender": SENDER_PATH},
        "roles": ["member", "sender"],
    }
    return {**registration, **changes}


def intent(number=1, to="bob-address", units=100, asset=COIN, **changes):
    fields = {
        "withdrawal_id": WithdrawalId(f"w{number}"),
        "to": Address(asset.chain, to),
        "amount": Amount(units, asset),
        "fee_max": Amount(50, COIN),
        "memo": "",
        "policy_version": 1,
        "salt": "00" * 16,
        "expires_at_s": NOW + 600,
    }
    return TransferIntent(**{**fields, **changes})


def approve(item, *names, verdict=Verdict.APPROVE, at_s=NOW):
    hashed = intent_hash(item)
    return tuple(
        Approval(hashed, name, verdict, at_s, ed25519.sign(PEOPLE[name], approval_message(hashed, name, verdict, at_s)))
        for name in names or ("ann", "bob")
    )


def request(payload, *intents, approvals=None, wallet_id="hot", role=SigningRole.MEMBER, chain=CHAIN):
    if approvals is None:
        approvals = tuple(approval for item in intents for approval in approve(item))
    return SigningRequest(chain, wallet_id, role, payload, intents, approvals)


class Bench:
    """One signer without a socket; `sign` raises what the client would raise."""

    def __init__(self, folder, rules=None, wallets=None, seed=SEED, shares=None):
        self.clock = FixedClock(NOW)
        path = folder / "memory.sqlite"
        self.memory = Memory(path) if path.exists() else Memory.create(path)
        keyring = Keyring(seed)
        for path, share in (shares or {}).items():
            keyring.hold_share(path, share)
        self.service = SignerService(parse_rules(_pretty(rules or rules_json())), keyring, self.memory, self.clock)
        for wallet in wallets or [wallet_json()]:
            self.service.serve(parse_wallet(_pretty(wallet)), TOY_FAMILIES[wallet["family"]])

    def call(self, op, **fields):
        answer = Fields(self.service.answer({"op": op, **fields}), "answer")
        if not answer.flag("ok"):
            raise decode_fault(answer.fields("error"))
        return answer.fields("result")

    def sign(self, asked):
        result = self.call("sign", request=encode_request(asked))
        return tuple(decode_signature(item) for item in result.each("signatures", 1_000))

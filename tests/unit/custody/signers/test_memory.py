import sqlite3
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from simulators.signer_kit import rules_json
from simulators.toy_family import COIN

from custody.keys.material import Curve, PublicKey, Signature, SigningRole
from custody.primitives.errors import Conflict, NotFound, Refused
from custody.primitives.ids import Digest
from custody.signers.ask import Ask, Made
from custody.signers.memory import Memory
from custody.signers.provision import _pretty
from custody.signers.rules import parse_rules

RULES = parse_rules(_pretty(rules_json(buckets={COIN.key: {"capacity": "1000000", "refill_per_hour": "0"}})))
KEY = PublicKey(Curve.SECP256K1, b"\x02" * 33)


def ask(payload=0, conflict_key="k0", intents=("w0",), role=SigningRole.MEMBER, wallet="hot", variant=0, fee=1):
    hashed = tuple((name, Digest(name.encode().ljust(31, b"_") + bytes([variant]))) for name in sorted(intents))
    return Ask(
        wallet, role, Digest(bytes([payload]) * 32), conflict_key, hashed, {COIN.key: 5 * len(intents)}, (COIN.key, fee)
    )


def made(asked):
    value = bytes(asked.payload_digest)
    return Made((Signature(KEY, 0, value),), ((asked.role.value.encode() + asked.wallet_id.encode() + value, value),))


@pytest.fixture
def memory(tmp_path):
    return Memory.create(tmp_path / "memory.sqlite")


def release(memory, asked):
    return memory.release(asked, RULES, 0, lambda _: made(asked))


def test_a_lost_memory_is_not_replaced_by_an_empty_one(tmp_path):
    with pytest.raises(NotFound):
        Memory(tmp_path / "memory.sqlite")
    assert not (tmp_path / "memory.sqlite").exists()


def test_a_memory_is_never_created_twice(tmp_path, memory):
    with pytest.raises(Conflict):
        Memory.create(tmp_path / "memory.sqlite")


def test_a_failing_signature_leaves_no_trace(memory):
    def fail(_):
        raise Refused("the device says no")

    with pytest.raises(Refused):
        memory.release(ask(), RULES, 0, fail)
    assert memory.highest_sequence() == 0
    assert memory.repeat(ask()) is None
    with memory.transaction() as db:
        assert db.execute("SELECT count(*) FROM bucket").fetchone() == (0,)


def test_nothing_is_handed_out_unless_it_is_stored(memory):
    with memory.transaction() as db:
        db.execute("CREATE TRIGGER full BEFORE INSERT ON release BEGIN SELECT RAISE(ABORT, 'disk full'); END")
    with pytest.raises(sqlite3.IntegrityError):
        release(memory, ask())
    assert memory.highest_sequence() == 0


def test_sequence_grows_over_restarts(tmp_path, memory):
    release(memory, ask())
    memory.close()
    again = Memory(tmp_path / "memory.sqlite")
    release(again, ask(1, "k1", ("w1",)))
    assert again.highest_sequence() == 2


def test_both_roles_of_one_withdrawal_are_charged_once(memory):
    release(memory, ask())
    release(memory, ask(1, role=SigningRole.SENDER, fee=0))
    with memory.transaction() as db:
        assert db.execute("SELECT parts FROM bucket").fetchone() == (str((1_000_000 - 6) * 3_600),)


# E12: a stuck payment is cancelled by a move that pays nobody on the same conflict key.
def test_e12_a_cancellation_shares_the_key_but_frees_neither_withdrawal_nor_key(memory):
    release(memory, ask())
    release(memory, ask(1, intents=()))
    for refused in (ask(2, "k1"), ask(3, intents=("w1",)), ask(4, intents=(), wallet="warm")):
        with pytest.raises(Refused):
            release(memory, refused)
    assert memory.highest_sequence() == 2


def test_release_answers_what_repeat_answers(memory):
    first = release(memory, ask())
    assert memory.repeat(ask()) == first == release(memory, ask())


# Rule R3 as a law: whatever is asked in whatever order, for any withdrawal all that was ever signed in a role shares
# one conflict key and one set of intents, and no conflict key serves two sets.
class MemoryLaws(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.memory = Memory.create(Path(self.folder.name) / "memory.sqlite")
        self.signed, self.dead = [], set()

    @rule(
        payload=st.integers(0, 5), key=st.sampled_from(["k0", "k1", "k2"]), intents=st.sets(st.sampled_from(["w0", "w1", "w2"]), max_size=3),
        role=st.sampled_from(SigningRole), wallet=st.sampled_from(["hot", "warm"]), variant=st.integers(0, 1), fee=st.integers(0, 5),
    )  # fmt: skip
    def ask_for(self, payload, key, intents, role, wallet, variant, fee):
        asked = ask(payload, key, intents, role, wallet, variant, fee)
        try:
            release(self.memory, asked)
        except Refused:
            return
        self.signed.append(asked)

    @rule(name=st.sampled_from(["w0", "w1", "w2"]))
    def give_up(self, name):
        try:
            self.memory.tombstone(name, 0)
        except Conflict:
            assert any(name == intent for asked in self.signed for intent, _ in asked.intents)
            return
        assert not any(name == intent for asked in self.signed for intent, _ in asked.intents)
        self.dead.add(name)

    @invariant()
    def nothing_can_confirm_twice(self):
        by_withdrawal, by_key = {}, {}
        for asked in self.signed:
            for name, _ in asked.intents:
                assert name not in self.dead
                by_withdrawal.setdefault((name, asked.role), set()).add(
                    (asked.wallet_id, asked.conflict_key, asked.intents)
                )
            by_key.setdefault((asked.conflict_key, asked.role), set()).add((asked.wallet_id, asked.intents))
        assert all(len(found) == 1 for found in by_withdrawal.values())
        for found in by_key.values():
            assert len({wallet for wallet, _ in found}) == 1
            assert len([intents for _, intents in found if intents]) <= 1

    def teardown(self):
        self.memory.close()
        self.folder.cleanup()


TestMemoryLaws = MemoryLaws.TestCase
TestMemoryLaws.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)

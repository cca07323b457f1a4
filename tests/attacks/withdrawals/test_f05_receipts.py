# Receipts and kept heads against somebody who owns the database and every file of the exported chain, but not the key.
import json
from dataclasses import replace

import pytest
from simulators.gates import SEALS
from simulators.withdrawal_house import House
from sqlalchemy import text

from custody.keys import ed25519
from custody.primitives.errors import SignerUnavailable
from custody.primitives.secret import Secret
from custody.store.receipts import all_receipts, receipt_head
from custody.withdrawals.gates.receipt_lines import line_of, parse_line
from custody.withdrawals.gates.receipts import START, Head, ReceiptBroken, seal, verify_receipts
from exchange.app.audit_heads import RECEIPTS, AuditHeads, AuditWentBack, read_heads

KEY = ed25519.public_key(SEALS.receipts)
COUNT = 5


@pytest.fixture(scope="module")
def chain():
    house = House()
    for number in range(COUNT):
        house.ask(1_000 + number, key=f"key-{number}")
    house.settle()
    found = list(all_receipts(house.engine))
    assert len(found) == COUNT
    return found


def broken_at(number, receipts, kept=None):
    with pytest.raises(ReceiptBroken) as found:
        verify_receipts(receipts, KEY, kept)
    assert found.value.facts["number"] == number
    assert f"receipt {number} " in found.value.message


def test_f05_the_whole_chain_holds_under_the_public_key_alone(chain):
    head = verify_receipts(chain, KEY)
    assert head.number == COUNT
    assert verify_receipts(chain, KEY, chain[2].head) == head


@pytest.mark.parametrize("number", range(1, COUNT))
def test_f05_a_receipt_that_was_cut_out_is_named(chain, number):
    broken_at(number, [each for each in chain if each.number != number])


def test_f05_a_tail_that_was_cut_off_shows_against_the_head_kept_outside(chain):
    verify_receipts(chain[:-1], KEY)  # nothing inside shows it
    broken_at(COUNT, chain[:-1], chain[-1].head)
    broken_at(1, [], chain[-1].head)


@pytest.mark.parametrize("number", range(1, COUNT))
def test_f05_two_receipts_that_changed_places_are_named(chain, number):
    swapped = list(chain)
    swapped[number - 1], swapped[number] = swapped[number], swapped[number - 1]
    broken_at(number, swapped)


@pytest.mark.parametrize("number", range(1, COUNT + 1))
@pytest.mark.parametrize("change", ["withdrawal_id", "intent_hash", "policy_version", "gates"])
def test_f05_an_edited_receipt_is_named(chain, number, change):
    old = chain[number - 1]
    other = {"withdrawal_id": "wd-evil", "intent_hash": bytes(32), "policy_version": 9, "gates": old.draft.gates[::-1]}
    edited = replace(old, draft=replace(old.draft, **{change: other[change]}))
    broken_at(number, [edited if each is old else each for each in chain])


@pytest.mark.parametrize("number", range(1, COUNT + 1))
def test_f05_a_chain_made_anew_with_another_key_is_named_where_it_begins(chain, number):
    forged, head = [], chain[number - 2].head if number > 1 else START
    for each in chain[number - 1 :]:
        forged.append(seal(each.draft, head, Secret(b"\x09" * 32)))
        head = forged[-1].head
    broken_at(number, [*chain[: number - 1], *forged])


def test_f05_another_past_behind_a_stolen_key_shows_against_the_head_kept_outside(chain):
    rewritten, head = [], START
    for each in reversed(chain):
        rewritten.append(seal(each.draft, head, SEALS.receipts))
        head = rewritten[-1].head
    verify_receipts(rewritten, KEY)
    broken_at(3, rewritten, chain[2].head)


def test_f05_a_gate_that_was_closed_never_stands_in_a_receipt(chain):
    draft = chain[0].draft
    lying = replace(draft, gates=(replace(draft.gates[0], ok=False), *draft.gates[1:]))
    broken_at(1, [seal(lying, START, SEALS.receipts)])


@pytest.mark.parametrize(
    "bend",
    [
        lambda found: found["gates"][0]["evidence"].update(threshold=1), lambda found: found.update(number=2), lambda found: found.pop("signature"),
        lambda found: found.update(extra=1), lambda found: found["gates"].pop(), lambda found: found.update(prev_receipt_hash="zz"),
    ],
)  # fmt: skip
def test_f05_a_line_that_was_bent_is_not_believed(chain, bend):
    found = json.loads(line_of(chain[0]))
    bend(found)
    line = json.dumps(found, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    with pytest.raises(ReceiptBroken, match="receipt 1"):
        verify_receipts([parse_line(line, 1)], KEY)


def test_a_line_comes_back_as_the_receipt_it_was(chain):
    assert [parse_line(line_of(each), each.number) for each in chain] == chain


def test_f05_evidence_edited_in_the_database_is_named():
    house = House()
    house.ask(1_000)
    house.settle()
    with house.engine.begin() as connection:
        connection.execute(text("UPDATE gate_receipt SET gates = replace(gates, 'hot-sim', 'hot-sin')"))
    with pytest.raises(ReceiptBroken, match="receipt 1"):
        verify_receipts(all_receipts(house.engine), KEY)


# Heads kept outside ------------------------------------------------------------------------------


class Log:
    def __init__(self):
        self.number, self.hash, self.down = 1, "aa", False

    def health(self, timeout_s):
        if self.down:
            raise SignerUnavailable("down")
        return {"audit": {"number": self.number, "hash": self.hash}}


def test_f05_an_audit_log_that_went_back_or_changed_its_past_is_named_and_stays_named(tmp_path):
    first, second = Log(), Log()
    heads = AuditHeads(tmp_path / "heads", {"alice": first, "bert": second}, lambda: START)
    heads.step(1_000)
    first.number, first.hash = 7, "bb"
    heads.step(1_001)
    first.number, first.hash = 6, "cc"
    with pytest.raises(AuditWentBack, match="alice shows entry 6, after 7"):
        heads.step(1_002)
    first.number, first.hash = 8, "dd"
    with pytest.raises(AuditWentBack, match="alice"):
        heads.step(1_003)
    assert heads.broken
    restarted = AuditHeads(tmp_path / "heads", {"alice": first, "bert": second}, lambda: START)
    second.hash = "ee"
    with pytest.raises(AuditWentBack, match="bert shows entry 1, after 1 with another hash"):
        restarted.step(1_004)


def test_f05_receipts_that_were_cut_off_show_against_the_kept_head_after_a_restart(tmp_path, chain):
    ends = {"end": chain[-1].head}
    AuditHeads(tmp_path / "heads", {}, lambda: ends["end"]).step(1_000)
    kept = read_heads(tmp_path / "heads")[RECEIPTS]
    assert (kept.number, kept.hash) == (COUNT, chain[-1].head.hash.hex())
    ends["end"] = Head(COUNT - 1, chain[-2].head.hash)
    with pytest.raises(AuditWentBack, match=f"receipts shows entry {COUNT - 1}, after {COUNT}"):
        AuditHeads(tmp_path / "heads", {}, lambda: ends["end"]).step(1_001)


def test_a_silent_signer_keeps_its_old_head_and_the_others_are_heard(tmp_path):
    first, second = Log(), Log()
    heads = AuditHeads(tmp_path / "heads", {"alice": first, "bert": second}, lambda: START)
    heads.step(1_000)
    first.down, second.number = True, 2
    heads.step(1_050)
    assert (heads.told["alice"].at_s, heads.told["bert"].at_s, heads.told["bert"].number) == (1_000, 1_050, 2)


def test_the_stored_head_is_the_head_of_the_chain():
    house = House()
    house.ask(1_000)
    house.settle()
    assert verify_receipts(all_receipts(house.engine), KEY) == receipt_head(house.engine)

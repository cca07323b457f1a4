import hashlib
import itertools

from exchange.settlement.postings import Reason, posting_id


def test_every_reason_and_subject_has_an_id_of_its_own():
    made = [posting_id(reason, subject) for reason, subject in itertools.product(Reason, ("wd-1", "wd-2", "wd-1#2"))]
    assert len(set(made)) == len(made)
    assert all(0 < each < 1 << 128 for each in made)


def test_an_id_is_the_same_in_every_process_and_version():
    # The journal keeps these ids for ever; another value would book everything a second time.
    fields = (b"mext/posting/1", b"3", b"wd-1")
    by_hand = hashlib.sha256(b"".join(len(field).to_bytes(4, "big") + field for field in fields)).digest()
    assert posting_id(Reason.WITHDRAWAL_HOLD, "wd-1") == int.from_bytes(by_hand[:16], "big")
    assert [reason.value for reason in Reason] == [1, 2, 3, 4, 5, 6]

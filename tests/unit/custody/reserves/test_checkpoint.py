import pytest

from custody.keys import ed25519
from custody.primitives.errors import BadSignature, InvalidInput, MalformedPayload, QuorumNotReached
from custody.primitives.secret import Secret
from custody.reserves.checkpoint import LogTrust, Witness, cosign_checkpoint, open_checkpoint, sign_checkpoint
from custody.reserves.log import StatementLog

ORIGIN = "example.com/reserves"
LOG_KEY, AUDITOR_KEY, GROUP_KEY = (Secret(bytes([n]) * 32) for n in (1, 2, 3))
AUDITOR = Witness("auditor.example", ed25519.public_key(AUDITOR_KEY))
GROUP = Witness("group.example", ed25519.public_key(GROUP_KEY))
HEAD = StatementLog([b"a", b"b", b"c"]).head()
NOTE = sign_checkpoint(ORIGIN, HEAD, LOG_KEY)
WITNESSED = cosign_checkpoint(cosign_checkpoint(NOTE, AUDITOR.name, AUDITOR_KEY, 1_000), GROUP.name, GROUP_KEY, 1_001)


def trust(needed=0, origin=ORIGIN, key=LOG_KEY):
    return LogTrust(origin, ed25519.public_key(key), (AUDITOR, GROUP), needed)


@pytest.mark.parametrize("origin", ["", "two words", "a+b", "a\nb"])
def test_refuses_origin_that_is_no_name(origin):
    with pytest.raises(InvalidInput):
        sign_checkpoint(origin, HEAD, LOG_KEY)


def test_refuses_witness_that_is_no_name():
    with pytest.raises(InvalidInput):
        cosign_checkpoint(NOTE, "two words", AUDITOR_KEY, 1)


@pytest.mark.parametrize("needed", [-1, 3])
def test_refuses_trust_that_cannot_be_met(needed):
    with pytest.raises(InvalidInput):
        trust(needed)


def test_refuses_trust_in_two_witnesses_of_one_key():
    with pytest.raises(InvalidInput):
        LogTrust(ORIGIN, ed25519.public_key(LOG_KEY), (AUDITOR, Witness("other", AUDITOR.key)), 2)


@pytest.mark.parametrize(
    "note",
    ["", "x", NOTE.rstrip("\n"), NOTE.replace("\n\n", "\n"), NOTE + "x\n", NOTE.replace("\n3\n", "\n03\n"),
     NOTE.replace("\n3\n", "\n-3\n"), NOTE.replace("\n3\n", "\n3\nextra\n"), NOTE + "\n", "x" * 9_000, NOTE[:-2] + "!\n"],
)  # fmt: skip
def test_refuses_what_is_no_note(note):
    with pytest.raises(MalformedPayload):
        open_checkpoint(note, trust())


def test_refuses_note_of_another_log():
    with pytest.raises(BadSignature):
        open_checkpoint(NOTE, trust(origin="example.org/reserves"))


def test_refuses_note_of_another_key():
    with pytest.raises(BadSignature):
        open_checkpoint(NOTE, trust(key=Secret(b"\x09" * 32)))


def test_refuses_changed_size_and_changed_root():
    other = sign_checkpoint(ORIGIN, StatementLog([b"x", b"y", b"z"]).head(), LOG_KEY)
    swapped = "\n".join([*other.split("\n")[:3], *NOTE.split("\n")[3:]])
    for note in (NOTE.replace("\n3\n", "\n4\n"), swapped):
        with pytest.raises(BadSignature):
            open_checkpoint(note, trust())


def test_witness_line_is_no_signature_of_the_log():
    lone = NOTE.split("\n\n")[0] + "\n\n" + WITNESSED.split("\n")[5] + "\n"
    with pytest.raises(BadSignature):
        open_checkpoint(lone, trust())


@pytest.mark.parametrize(("note", "needed"), [(NOTE, 1), (cosign_checkpoint(NOTE, AUDITOR.name, AUDITOR_KEY, 1), 2)])
def test_refuses_too_few_witnesses(note, needed):
    with pytest.raises(QuorumNotReached):
        open_checkpoint(note, trust(needed))


def test_one_witness_twice_is_one():
    twice = cosign_checkpoint(cosign_checkpoint(NOTE, AUDITOR.name, AUDITOR_KEY, 1), AUDITOR.name, AUDITOR_KEY, 2)
    with pytest.raises(QuorumNotReached):
        open_checkpoint(twice, trust(2))


def test_stranger_under_a_witness_name_does_not_count():
    with pytest.raises(QuorumNotReached):
        open_checkpoint(cosign_checkpoint(NOTE, AUDITOR.name, GROUP_KEY, 1), trust(1))


def test_refuses_witness_line_over_another_text():
    other = cosign_checkpoint(
        sign_checkpoint(ORIGIN, StatementLog([b"x"]).head(), LOG_KEY), AUDITOR.name, AUDITOR_KEY, 1
    )
    with pytest.raises(BadSignature):
        open_checkpoint(NOTE + other.split("\n")[5] + "\n", trust(1))


def test_opens_with_all_witnesses_and_ignores_strangers():
    stranger = cosign_checkpoint(WITNESSED, "stranger.example", Secret(b"\x09" * 32), 5)
    assert open_checkpoint(NOTE, trust()) == HEAD
    assert open_checkpoint(stranger, trust(2)) == HEAD


def test_note_has_the_published_shape():
    origin, size, root, empty, line, end = NOTE.split("\n")
    assert (origin, size, empty, end) == (ORIGIN, "3", "", "")
    assert len(root) == 44
    assert line.startswith(f"\u2014 {ORIGIN} ")

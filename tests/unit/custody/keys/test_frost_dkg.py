# Distributed key generation: a cheat is named, nobody holds the key, and the other library takes part.
import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from custody.keys import ed25519, frost, frost_dkg, frost_shares
from custody.keys import frost_group as group
from custody.primitives.errors import InvalidInput, MalformedPayload
from custody.primitives.secret import Secret

ROOT = Path(__file__).parents[4]
RULE = frost_dkg.Committee(2, 3)


class Ceremony:
    def __init__(self, rule=RULE):
        self.begun = {n: frost_dkg.begin(n, rule, os.urandom) for n in rule.numbers}
        self.publications = {n: each.publication for n, each in self.begun.items()}
        self.sent = {n: each.shares_for(self.publications) for n, each in self.begun.items()}

    def finish(self, number, publications=None, **changed):
        received = {other: shares[number] for other, shares in self.sent.items() if other != number}
        received |= {int(name[1:]): share for name, share in changed.items()}
        return frost_dkg.finish(self.begun[number], publications or self.publications, received)


@pytest.fixture
def ceremony():
    return Ceremony()


@pytest.mark.parametrize(("threshold", "participants"), [(0, 3), (1, 3), (3, 3), (4, 3), (2, 17)])
def test_refuses_committees_without_meaning(threshold, participants):
    with pytest.raises(InvalidInput):
        frost_dkg.Committee(threshold, participants)


@pytest.mark.parametrize("number", [0, 4])
def test_refuses_a_participant_that_is_not_of_the_committee(number):
    with pytest.raises(InvalidInput):
        frost_dkg.begin(number, RULE, os.urandom)


def test_refuses_a_source_that_gives_too_little():
    with pytest.raises(InvalidInput):
        frost_dkg.begin(1, RULE, lambda count: os.urandom(count - 1))


def test_names_who_published_nonsense(ceremony):
    good = ceremony.publications[3]
    neutral = bytes([1]) + bytes(31)
    for changed in (
        replace(good, proof=good.proof[:-1]),
        replace(good, proof=bytes(64)),
        replace(good, proof=good.proof[:32] + group.scalar(5)),
        replace(good, proof=ceremony.publications[2].proof),
        replace(good, commitments=good.commitments[:1]),
        replace(good, commitments=(*good.commitments, good.commitments[0])),
        replace(good, commitments=(neutral, good.commitments[1])),
        replace(good, commitments=(good.commitments[1], good.commitments[0])),
    ):
        with pytest.raises(frost_dkg.BadPublication, match="participant 3"):
            ceremony.begun[1].shares_for({**ceremony.publications, 3: changed})


def test_rogue_key_without_a_proof_is_refused(ceremony):
    # Participant 3 publishes last: its own key less all others', so that the group's key would be its own.
    others = [ceremony.publications[n].commitments[0] for n in (1, 2)]
    wished = group.base_times(group.scalar(7))
    rogue = group.sum_points([wished, *(group.times(group.scalar(-1), each) for each in others)])
    assert group.sum_points([*others, rogue]) == wished
    copied = replace(ceremony.publications[3], commitments=(rogue, ceremony.publications[3].commitments[1]))
    with pytest.raises(frost_dkg.BadPublication, match="participant 3"):
        ceremony.begun[1].shares_for({**ceremony.publications, 3: copied})


def test_a_publication_copied_from_another_participant_is_refused(ceremony):
    with pytest.raises(frost_dkg.BadPublication, match="participant 3"):
        ceremony.begun[1].shares_for({**ceremony.publications, 3: ceremony.publications[2]})


def test_refuses_when_ours_was_changed_or_one_is_missing(ceremony):
    with pytest.raises(frost_dkg.BadPublication, match="not ours"):
        ceremony.begun[1].shares_for({**ceremony.publications, 1: ceremony.publications[2]})
    with pytest.raises(frost_dkg.BadPublication, match="want all"):
        ceremony.begun[1].shares_for({n: ceremony.publications[n] for n in (1, 2)})


def test_names_who_sent_a_wrong_share(ceremony):
    with pytest.raises(frost_shares.BadShare):
        ceremony.finish(1, _3=ceremony.sent[3][2])
    with pytest.raises(MalformedPayload):
        ceremony.finish(1, _3=Secret(bytes(32)))
    with pytest.raises(InvalidInput, match="want"):
        frost_dkg.finish(ceremony.begun[1], ceremony.publications, {2: ceremony.sent[2][1]})


def test_shows_no_secret(ceremony):
    secret = ceremony.begun[1].polynomial[0].reveal()
    assert repr(secret) not in repr(ceremony.begun[1])
    assert repr(ceremony.finish(1).share.reveal()) not in repr(ceremony.finish(1))


@pytest.mark.parametrize(("threshold", "participants"), [(2, 3), (3, 5)])
def test_all_make_one_key_and_any_quorum_signs_with_it(threshold, participants):
    ceremony = Ceremony(frost_dkg.Committee(threshold, participants))
    made = {n: ceremony.finish(n) for n in ceremony.begun}
    assert len({each.group for each in made.values()}) == 1
    key, verifying = made[1].group, {n: frost.verifying_share(each.share) for n, each in made.items()}
    frost_shares.verify_group(key, verifying, threshold)
    chosen = sorted(made)[-threshold:]
    nonces = {n: frost.draw_nonces(made[n].share, os.urandom(32), os.urandom(32)) for n in chosen}
    package = frost.Package(key, b"text", tuple(frost.Commitment(n, nonces[n].commitment) for n in chosen))
    shares = {n: frost.sign_share(package, n, made[n].share, nonces[n]) for n in chosen}
    ed25519.verify(key, b"text", frost.aggregate(package, shares, verifying))


NOBLE = """
const { ed25519_FROST: frost } = require('@noble/curves/ed25519.js');
const asked = JSON.parse(require('fs').readFileSync(0, 'utf8'), (k, v) =>
  typeof v === 'string' && v.startsWith('0x') ? Uint8Array.from(Buffer.from(v.slice(2), 'hex')) : v);
const [one, two, three] = [1, 2, 3].map(n => frost.Identifier.fromNumber(n));
const signers = { min: 2, max: 3 };
const ours = { identifier: two, commitment: asked.commitments, proofOfKnowledge: asked.proof };
const first = { [one]: frost.DKG.round1(one, signers), [three]: frost.DKG.round1(three, signers) };
const heard = id => [ours, first[id === one ? three : one].public];
const sent = Object.fromEntries([one, three].map(id => [id, frost.DKG.round2(first[id].secret, heard(id))]));
const keys = Object.fromEntries([[one, three], [three, one]].map(([id, other]) => [id, frost.DKG.round3(
  first[id].secret, heard(id),
  [{ identifier: two, signingShare: asked.shares[id === one ? 0 : 1] }, sent[other][id]])]));
process.stdout.write(JSON.stringify({
  published: [first[one].public, first[three].public],
  received: [sent[one][two].signingShare, sent[three][two].signingShare],
  publics: [keys[one].public.commitments, keys[three].public.commitments],
}, (k, v) => v instanceof Uint8Array ? '0x' + Buffer.from(v).toString('hex') : v));
"""


def raw(text):
    return bytes.fromhex(text[2:])


def test_makes_one_key_together_with_noble():
    begun = frost_dkg.begin(2, RULE, os.urandom)
    asked = {
        "commitments": ["0x" + each.hex() for each in begun.publication.commitments],
        "proof": "0x" + begun.publication.proof.hex(),
        "shares": ["0x" + frost_shares.evaluate(begun.polynomial, n).reveal().hex() for n in (1, 3)],
    }
    done = subprocess.run(
        ["node", "-e", NOBLE], input=json.dumps(asked), capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    publications = {2: begun.publication}
    for number, published in zip((1, 3), answer["published"], strict=True):
        commitments = tuple(map(raw, published["commitment"]))
        publications[number] = frost_dkg.Publication(commitments, raw(published["proofOfKnowledge"]))
    received = {n: Secret(raw(share)) for n, share in zip((1, 3), answer["received"], strict=True)}
    made = frost_dkg.finish(begun, publications, received)
    for theirs in answer["publics"]:
        assert tuple(map(raw, theirs)) == made.commitments

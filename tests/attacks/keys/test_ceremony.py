# C11: key ceremonies that must not end in a wallet.
from dataclasses import replace

import pytest

from custody.keys.ceremony import (
    CeremonyKey,
    CeremonyRefused,
    Confirmation,
    Contribution,
    NotInTranscript,
    Transcript,
    confirm,
    verify_ceremony,
)
from custody.keys.hd import PrivateNode
from custody.keys.material import Curve
from custody.keys.signing_key import UnsealedKey
from custody.keys.xkeys import KeyNetwork, encode_xpub
from custody.primitives.errors import BadSignature, InvalidInput, QuorumNotReached
from custody.primitives.secret import Secret

SECP, EDWARDS = "m/48h/1h/0h/2h", "m/44h/501h/0h/0h"


class Holder:
    def __init__(self, number, organisation=None):
        node = PrivateNode.from_seed(Secret(bytes([number]) * 64))
        leaf = node.derive(SECP)
        self.name, self.keys = f"holder-{number}", {SECP: UnsealedKey(leaf.key, leaf.public().public_key())}
        self.keys[EDWARDS] = UnsealedKey.of(Secret(bytes([number]) * 32), Curve.ED25519)
        self.own = {path: key.public for path, key in self.keys.items()}
        keys = {SECP: CeremonyKey(leaf.public().public_key(), encode_xpub(leaf.public(), KeyNetwork.TEST))}
        keys[EDWARDS] = CeremonyKey(self.own[EDWARDS])
        self.brings = Contribution(
            holder=self.name,
            person=f"person-{number}",
            organisation=organisation or f"firm-{number % 3}",
            device=f"device-{number}",
            fingerprint=node.public().fingerprint().hex(),
            sources=("system", "dice"),
            keys=keys,
        )

    def confirm(self, transcript):
        return confirm(transcript, self.name, self.own, self.keys[min(self.keys)])


HOLDERS = [Holder(number) for number in range(1, 6)]
BROUGHT = tuple(each.brings for each in HOLDERS)
TRANSCRIPT = Transcript("cold-btc", 3, BROUGHT)


def with_change(place, **changes):
    return (*BROUGHT[:place], replace(BROUGHT[place], **changes), *BROUGHT[place + 1 :])


def test_a_ceremony_that_all_confirmed_verifies():
    verify_ceremony(TRANSCRIPT, [each.confirm(TRANSCRIPT) for each in HOLDERS])


def test_c11_the_same_key_twice_is_refused():
    with pytest.raises(CeremonyRefused, match="one key stands 2 times"):
        Transcript("cold-btc", 3, with_change(4, keys=BROUGHT[0].keys))


def test_c11_one_key_under_another_spelling_of_its_xpub_is_the_same_key():
    node = PrivateNode.from_seed(Secret(b"\x01" * 64)).derive(SECP).public()
    keys = {**BROUGHT[4].keys, SECP: CeremonyKey(node.public_key(), encode_xpub(node, KeyNetwork.MAIN))}
    assert keys[SECP].xpub != BROUGHT[0].keys[SECP].xpub
    with pytest.raises(CeremonyRefused, match="one key stands 2 times"):
        Transcript("cold-btc", 3, with_change(4, keys=keys))


@pytest.mark.parametrize("field", ["device", "fingerprint", "holder"])
def test_c11_two_keys_of_one_device_root_or_name_are_refused(field):
    with pytest.raises(CeremonyRefused, match="stands 2 times"):
        Transcript("cold-btc", 3, with_change(4, **{field: getattr(BROUGHT[0], field)}))


@pytest.mark.parametrize(("threshold", "holders"), [(1, 0), (1, 1), (2, 1)])
def test_c11_fewer_than_two_keys_are_refused(threshold, holders):
    with pytest.raises(CeremonyRefused, match="make a wallet"):
        Transcript("cold-btc", threshold, BROUGHT[:holders])


@pytest.mark.parametrize("holders", [2, 3, 5])
def test_c11_a_threshold_that_needs_every_key_is_refused(holders):
    for threshold in (holders, holders + 1):
        with pytest.raises(CeremonyRefused, match="one lost key"):
            Transcript("cold-btc", threshold, BROUGHT[:holders])


@pytest.mark.parametrize("threshold", [-1, 0, 1])
def test_c11_a_threshold_that_one_alone_meets_is_refused(threshold):
    with pytest.raises(CeremonyRefused, match="one alone"):
        Transcript("cold-btc", threshold, BROUGHT)


@pytest.mark.parametrize("field", ["organisation", "person"])
def test_c11_one_organisation_or_person_that_reaches_the_threshold_is_refused(field):
    taken = [replace(each, **{field: "one"}) for each in BROUGHT]
    assert Transcript("cold-btc", 3, (*taken[:2], *BROUGHT[2:]))
    with pytest.raises(CeremonyRefused, match=f"{field} one holds 3"):
        Transcript("cold-btc", 3, (*taken[:3], *BROUGHT[3:]))


def test_c11_an_xpub_swapped_inside_a_contribution_is_refused():
    with pytest.raises(CeremonyRefused, match="is not of key"):
        CeremonyKey(BROUGHT[0].keys[SECP].public, BROUGHT[1].keys[SECP].xpub)


# Whoever carries the contributions puts a key of their own in place of one holder's: everything else is in order.
@pytest.mark.parametrize("place", range(5))
@pytest.mark.parametrize("path", [SECP, EDWARDS])
def test_c11_an_xpub_swapped_on_the_way_is_noticed_by_its_owner_and_never_confirmed(place, path):
    thief = Holder(66)
    keys = {**BROUGHT[place].keys, path: thief.brings.keys[path]}
    forged = Transcript("cold-btc", 3, with_change(place, keys=keys))
    with pytest.raises(NotInTranscript):
        HOLDERS[place].confirm(forged)
    confirmed = [each.confirm(forged) for number, each in enumerate(HOLDERS) if number != place]
    with pytest.raises(QuorumNotReached, match=HOLDERS[place].name):
        verify_ceremony(forged, confirmed)
    if path == SECP:  # the owner confirms with the other key, over the true transcript only
        with pytest.raises(BadSignature):
            verify_ceremony(forged, [*confirmed, HOLDERS[place].confirm(TRANSCRIPT)])


@pytest.mark.parametrize(
    "changed",
    [
        Transcript("cold-btc", 2, tuple(replace(each, organisation=each.holder) for each in BROUGHT)),
        Transcript("hot-btc", 3, BROUGHT),
        Transcript("cold-btc", 3, BROUGHT[::-1]),
        Transcript("cold-btc", 3, BROUGHT[:4]),
        Transcript("cold-btc", 3, with_change(2, device="another")),
        Transcript("cold-btc", 3, with_change(2, sources=("system", "file"))),
    ],
    ids=["threshold", "wallet", "order", "one left out", "device", "sources"],
)
def test_c11_confirmations_of_another_transcript_do_not_count(changed):
    assert changed.head() != TRANSCRIPT.head()
    given = [each.confirm(TRANSCRIPT) for each in HOLDERS[: len(changed.contributions)]]
    with pytest.raises(BadSignature):
        verify_ceremony(changed, given)


def test_c11_nobody_confirms_for_another_twice_or_unasked():
    given = [each.confirm(TRANSCRIPT) for each in HOLDERS]
    with pytest.raises(BadSignature):
        verify_ceremony(TRANSCRIPT, [Confirmation(HOLDERS[0].name, given[1].signature), *given[1:]])
    with pytest.raises(QuorumNotReached):
        verify_ceremony(TRANSCRIPT, given[1:])
    with pytest.raises(InvalidInput):
        verify_ceremony(TRANSCRIPT, [*given, given[0]])
    with pytest.raises(InvalidInput):
        verify_ceremony(TRANSCRIPT, [*given, replace(given[0], holder="stranger")])
    with pytest.raises(NotInTranscript):
        Holder(66).confirm(TRANSCRIPT)


def test_c11_holders_with_keys_of_different_paths_are_refused():
    with pytest.raises(CeremonyRefused, match="different paths"):
        Transcript("cold-btc", 3, with_change(1, keys={SECP: BROUGHT[1].keys[SECP]}))


@pytest.mark.parametrize("sources", [("system",), ("dice",), ("system", "system")])
def test_c11_entropy_of_one_source_is_refused(sources):
    with pytest.raises(CeremonyRefused, match="one source"):
        replace(BROUGHT[0], sources=sources)


@pytest.mark.parametrize("field", ["holder", "person", "organisation", "device", "fingerprint", "sources", "keys"])
def test_c11_a_contribution_without_a_name_for_something_is_refused(field):
    with pytest.raises(InvalidInput):
        replace(BROUGHT[0], **{field: type(getattr(BROUGHT[0], field))()})

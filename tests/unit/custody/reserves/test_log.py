import base64
import json
from pathlib import Path

import pytest
from simulators.reserves_world import VECTORS

from custody.primitives.errors import InvalidInput, VerificationFailed
from custody.reserves.log import (
    EMPTY_ROOT,
    LogHead,
    LogPlace,
    StatementLog,
    entry_hash,
    verify_consistency,
    verify_log_inclusion,
)

PROBES = json.loads((Path(__file__).parents[3] / "vectors" / "rfc6962_probes.json").read_text())
STRICTER = {"additional/sizes-are-equal-one-and-proof-is-empty.json"}  # its roots are 12 bytes of text, not hashes
ENTRIES = [b'{"s":0}', b'{"s":1}', b'{"s":2}']


def hashes(items):
    return tuple(base64.b64decode(item) for item in items or [])


def outcome(work):
    try:
        work()
    except VerificationFailed:
        return "refused"
    return "accepted"


@pytest.mark.parametrize("probe", PROBES["inclusion"], ids=lambda probe: probe["file"])
def test_inclusion_probe(probe):
    leaf, root = hashes([probe["leafHash"], probe["root"]])
    place = LogPlace(probe["leafIdx"], probe["treeSize"])
    wanted = "refused" if probe["wantErr"] else "accepted"
    assert outcome(lambda: verify_log_inclusion(place, leaf, hashes(probe["proof"]), root)) == wanted


@pytest.mark.parametrize("probe", PROBES["consistency"], ids=lambda probe: probe["file"])
def test_consistency_probe(probe):
    old_root, new_root = hashes([probe["root1"], probe["root2"]])
    old, new = LogHead(probe["size1"], old_root), LogHead(probe["size2"], new_root)
    wanted = "refused" if probe["wantErr"] or probe["file"] in STRICTER else "accepted"
    assert outcome(lambda: verify_consistency(old, new, hashes(probe["proof"]))) == wanted


@pytest.mark.parametrize(("index", "size"), [(3, 3), (-1, 3), (0, 4), (0, 0)])
def test_refuses_inclusion_proof_of_what_is_not_there(index, size):
    with pytest.raises(InvalidInput):
        StatementLog(ENTRIES).inclusion_proof(index, size)


@pytest.mark.parametrize(("old", "new"), [(0, 3), (3, 2), (2, 4)])
def test_refuses_consistency_proof_between_sizes_that_are_not_there(old, new):
    with pytest.raises(InvalidInput):
        StatementLog(ENTRIES).consistency_proof(old, new)


def test_refuses_same_entry_twice():
    with pytest.raises(InvalidInput):
        StatementLog(ENTRIES).append(ENTRIES[1])


@pytest.mark.parametrize("index", [-1, 3])
def test_refuses_entry_that_is_not_there(index):
    with pytest.raises(InvalidInput):
        StatementLog(ENTRIES).entry(index)


def test_refuses_root_of_a_size_that_is_not_there():
    with pytest.raises(InvalidInput):
        StatementLog(ENTRIES).root(4)


def test_vector_c_roots():
    log = StatementLog(ENTRIES[:2])
    assert log.append(ENTRIES[2]) == 2
    assert (log.root(2).hex(), log.root().hex()) == (VECTORS["log"]["root_2"], VECTORS["log"]["root_3"])
    assert log.root(0) == EMPTY_ROOT


def test_every_entry_and_every_size_of_a_log_of_twenty():
    entries = [str(number).encode() for number in range(20)]
    log = StatementLog(entries)
    for size in range(1, 21):
        for index in range(size):
            place = LogPlace(index, size)
            verify_log_inclusion(place, entry_hash(entries[index]), log.inclusion_proof(index, size), log.root(size))
        for old in range(1, size + 1):
            verify_consistency(log.head(old), log.head(size), log.consistency_proof(old, size))

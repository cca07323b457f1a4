import hashlib

import pytest
from simulators.signer_kit import Bench, intent, request
from simulators.toy_family import pay

from custody.keys.material import MAX_RELEASES, SigningRole
from custody.keys.strict_json import Fields
from custody.primitives.errors import MalformedPayload
from custody.signers.wire import decode_release, encode_release


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


def told(bench, after=0):
    return [decode_release(each) for each in bench.call("releases", after=after).each("releases", MAX_RELEASES)]


@pytest.mark.parametrize("message", [{}, {"after": "0"}, {"after": 0, "more": 1}])
def test_refuses_a_malformed_question(bench, message):
    with pytest.raises(MalformedPayload):
        bench.call("releases", **message)


def test_an_empty_memory_tells_nothing(bench):
    assert told(bench) == []


def test_refused_requests_are_not_told(bench):
    with pytest.raises(Exception, match="fee"):
        bench.sign(request(pay(("bob-address", 100), fee=10**6), intent()))
    assert told(bench) == []


def test_tells_what_was_released_once_and_in_order(bench):
    first, second = pay(("bob-address", 100), key="toy:1"), pay(("eve-address", 5), key="toy:2")
    bench.sign(request(first, intent()))
    bench.sign(request(second, intent(2, to="eve-address", units=5)))
    bench.sign(request(first, intent()))  # the same answer again is no new release
    told_all = told(bench)
    assert [(each.sequence, each.conflict_key, each.withdrawal_ids) for each in told_all] == [
        (1, "toy:1", ("w1",)),
        (2, "toy:2", ("w2",)),
    ]
    assert told_all[0].payload_digest == hashlib.sha256(first).digest()
    assert (told_all[0].wallet_id, told_all[0].role) == ("hot", SigningRole.MEMBER)
    assert told(bench, after=1) == told_all[1:]
    assert told(bench, after=2) == []


def test_tells_also_while_frozen(bench):
    bench.sign(request(pay(("bob-address", 100)), intent()))
    bench.call("freeze", reason="drill")
    assert len(told(bench)) == 1


def test_a_release_comes_back_as_it_went(bench):
    bench.sign(request(pay(("bob-address", 100)), intent()))
    (release,) = told(bench)
    assert decode_release(Fields(encode_release(release), "release")) == release

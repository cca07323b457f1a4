import json

import pytest
from simulators.signer_kit import wallet_json

from custody.keys.material import SigningRole
from custody.primitives.errors import InvalidInput, Refused
from custody.signers.registration import parse_wallet


def parse(**changes):
    return parse_wallet(json.dumps(wallet_json(**changes)).encode())


@pytest.mark.parametrize(
    "change",
    [
        {"id": 1}, {"family": None}, {"chain": 5}, {"our_paths": []}, {"our_paths": {"member": 1}}, {"our_paths": {"member": "48h"}}, {"roles": []},
        {"roles": ["boss"]}, {"roles": "member"}, {"our_paths": {}}, {"our_paths": {"member": "m/0"}, "roles": ["sender"]},
        {"our_paths": {"sweep": "m/0"}, "roles": ["member"]},
    ],
)  # fmt: skip
def test_refuses_what_is_incomplete(change):
    with pytest.raises(InvalidInput):
        parse(**change)


@pytest.mark.parametrize(
    ("path", "role"),
    [
        ("m/48h/9h/0h/2h", SigningRole.SENDER), ("m/48h/9h/0h/2h/0/5", SigningRole.SENDER), ("m/44h/9h/0h/0/0", SigningRole.MEMBER),
        ("m/48h/9h/0h/2h/0/5/0", SigningRole.MEMBER), ("m/48h/9h/0h/2h/0h", SigningRole.MEMBER), ("m/48h/9h/0h", SigningRole.MEMBER),
        ("m/48h/9h/0h/2/0/5", SigningRole.MEMBER), ("m", SigningRole.MEMBER),
    ],
)  # fmt: skip
def test_a_path_not_below_ours_in_this_role_is_refused(path, role):
    with pytest.raises(Refused):
        parse().require_ours(path, role)


def test_paths_are_kept_in_canonical_text():
    wallet = parse(our_paths={"member": "m/48'/9'/0'/2'", "sweep": "m/44'/9'/1'"})
    assert wallet.require_ours("m/48h/9h/0h/2h/1/77", SigningRole.MEMBER) == "m/48h/9h/0h/2h"
    assert wallet.require_ours("m/48h/9h/0h/2h", SigningRole.MEMBER) == "m/48h/9h/0h/2h"
    assert wallet.require_ours("m/44h/9h/1h/0/3", SigningRole.SENDER) == "m/44h/9h/1h"

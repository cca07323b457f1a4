# F07: the drill that says what a revoked keyholder means for each wallet.
import json

import pytest
from typer.testing import CliRunner

from custody.keys import ecdsa
from custody.primitives.errors import InvalidInput, NotFound
from custody.primitives.secret import Secret
from exchange.app.blueprint import Blueprint, MemberSpec, StaffSpec, WalletSpec, save_blueprint
from exchange.app.rotation import Urgency, plan_rotation
from exchange.app.wallets import receives_at
from exchange.cli.key_material import app


def key(number):
    return ecdsa.public_key(Secret(number.to_bytes(32, "big"))).raw.hex()


def wallet(name, threshold, holders):
    members = tuple(
        MemberSpec(holder, "m/44h/144h/0h/0/0", key(1 + (COLD + SIGNERS).index(holder))) for holder in holders
    )
    account = key(100 + len(name))
    return WalletSpec(name, name.split("-", 1)[0], "xrpl-local", threshold, members, {"account": account})


SIGNERS, COLD = ("a", "b", "c"), ("c1", "c2", "c3", "c4", "c5")
WALLETS = (wallet("hot-xrp", 2, SIGNERS), wallet("cold-xrp", 3, COLD))
STAFF = tuple(StaffSpec(name, "00" * 32, name, "house") for name in ("ann", "ben"))
BLUEPRINT = Blueprint("test", "x", SIGNERS, "s", 0, STAFF, (), WALLETS, (), ())


@pytest.mark.parametrize(
    ("revoked", "expected"),
    [
        ({"a"}, [("hot-xrp", Urgency.OPEN)]),
        ({"a", "b"}, [("hot-xrp", Urgency.STOLEN)]),
        ({"c1", "c2"}, [("cold-xrp", Urgency.OPEN)]),
        ({"c1", "c2", "c3"}, [("cold-xrp", Urgency.STOLEN)]),
        ({"a", "c1", "c2", "c3"}, [("cold-xrp", Urgency.STOLEN), ("hot-xrp", Urgency.OPEN)]),
        ({"ann"}, []),
    ],
)
def test_f07_each_wallet_with_a_revoked_key_is_rotated_the_most_urgent_first(revoked, expected):
    plan = plan_rotation(BLUEPRINT, revoked)
    assert [(each.id, each.urgency) for each in plan.wallets] == expected
    told = " ".join(plan.steps())
    for name, _ in expected:
        assert f"make a successor of {name} without" in told
        assert f"hand {receives_at(next(each for each in WALLETS if each.id == name))} out no more" in told


def test_f07_keys_that_are_left_but_too_few_are_said_to_be_too_few():
    three_of_four = Blueprint("t", "x", SIGNERS, "s", 0, STAFF, (), (wallet("cold-xrp", 3, COLD[:4]),), (), ())
    (found,) = plan_rotation(three_of_four, {"c1", "c2"}).wallets
    assert (found.urgency, found.left) == (Urgency.LOCKED, ("c3", "c4"))


def test_f07_a_revoked_approver_leaves_every_roster_before_anything_else():
    plan = plan_rotation(BLUEPRINT, {"ann", "a"})
    assert plan.steps()[0] == "replace the roster of every signer by one without ann"


def test_a_name_that_holds_nothing_is_refused_and_so_is_nobody():
    with pytest.raises(NotFound, match="mallory"):
        plan_rotation(BLUEPRINT, {"a", "mallory"})
    with pytest.raises(InvalidInput):
        plan_rotation(BLUEPRINT, set())


def test_f07_a_drill_leaves_a_dated_record(tmp_path):
    save_blueprint(tmp_path / "blueprint.json", BLUEPRINT)
    options = ["rotation", "--home", str(tmp_path), "--revoked", "a", "--revoked", "ann", "--json"]
    done = CliRunner().invoke(app, [*options, "--records", str(tmp_path / "drills")])
    assert done.exception is None
    (record,) = (tmp_path / "drills").glob("rotation-*Z.json")
    assert json.loads(record.read_text()) == json.loads(done.output)
    assert json.loads(done.output)["revoked"] == ["a", "ann"]

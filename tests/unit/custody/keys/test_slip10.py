import pytest

from custody.keys import ecdsa, ed25519, slip10
from custody.keys.hd import InvalidKey
from custody.keys.material import Curve
from custody.keys.paths import InvalidPath, parse_path
from custody.primitives.secret import Secret


@pytest.mark.parametrize("path", ["m/44h/501h/0h/0", "m/0", "m/0h/1/2h"])
def test_ed25519_refuses_unhardened_steps(path):
    with pytest.raises(InvalidPath):
        slip10.derive(Secret(bytes(32)), path, Curve.ED25519)


@pytest.mark.parametrize("size", [0, 15, 65])
def test_refuses_seeds_of_a_wrong_size(size):
    with pytest.raises(InvalidKey):
        slip10.derive(Secret(bytes(size)), "m", Curve.ED25519)


def test_repr_shows_no_secret():
    node = slip10.master(Secret(bytes(32)), Curve.ED25519)
    assert repr(node.key.reveal())[2:-1] not in repr(node)
    assert repr(node.chain_code)[2:-1] not in repr(node)


@pytest.mark.parametrize(("curve", "name"), [(Curve.ED25519, "ed25519"), (Curve.SECP256K1, "secp256k1")])
def test_derives_all_chains_of_the_specification(load_vectors, curve, name):
    vectors = [v for v in load_vectors("slip10.json")["vectors"] if v["title"].endswith(f"for {name}")]
    assert len(vectors) == 2
    for vector in vectors:
        for chain in vector["chains"]:
            node = slip10.master(Secret(bytes.fromhex(vector["seed"])), curve)
            for step in parse_path(chain["path"]):
                node = node.child(step)
            assert node.key == Secret(bytes.fromhex(chain["private"]))
            assert node.chain_code.hex() == chain["chain_code"]
            public = ed25519.public_key(node.key) if curve is Curve.ED25519 else ecdsa.public_key(node.key)
            assert public.raw.hex() == chain["public"][-2 * len(public.raw) :]


def test_one_seed_gives_unrelated_keys_per_curve():
    seed = Secret(bytes(32))
    assert slip10.derive(seed, "m/0h", Curve.ED25519) != slip10.derive(seed, "m/0h", Curve.SECP256K1)

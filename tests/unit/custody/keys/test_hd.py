import pytest

from custody.keys.hd import CURVE_ORDER, ROOT, InvalidKey, Place, PrivateNode, PublicNode
from custody.keys.paths import HARDENED, InvalidPath, parse_path
from custody.keys.xkeys import KeyNetwork, decode_xprv, decode_xpub, encode_xprv, encode_xpub
from custody.primitives.secret import Secret


@pytest.fixture(scope="module")
def vectors(load_vectors):
    return load_vectors("bip32.json")["vectors"]


def test_refuses_every_invalid_extended_key_of_the_specification(vectors):
    invalid = vectors[-1]["invalid"]
    assert len(invalid) == 16
    for case in invalid:
        with pytest.raises(InvalidKey):
            decode_xpub(case["key"])
        with pytest.raises(InvalidKey):
            decode_xprv(Secret(case["key"].encode()))


def test_the_invalid_keys_are_refused_for_the_stated_reason(vectors):
    expected = [
        "prefix|02 or 03",
        "zero byte",
        "02 or 03",
        "zero byte",
        "02 or 03",
        "zero byte",
        "root",
        "root",
        "root",
        "root",
        "version",
        "version",
        "1..n-1",
        "1..n-1",
        "point",
        "checksum",
    ]
    for case, reason in zip(vectors[-1]["invalid"], expected, strict=True):
        public = case["key"].startswith("xpub") or case["key"].startswith("DMw")
        with pytest.raises(InvalidKey, match=reason):
            decode_xpub(case["key"]) if public else decode_xprv(Secret(case["key"].encode()))


@pytest.mark.parametrize("text", ["", "xpub", "0" * 111, "xpub" * 40, "é" * 111])
def test_refuses_text_that_is_no_extended_key(text):
    with pytest.raises(InvalidKey):
        decode_xpub(text)


def test_an_error_never_repeats_a_private_key(vectors):
    for case in vectors[-1]["invalid"]:
        with pytest.raises(InvalidKey) as caught:
            decode_xprv(Secret(case["key"].encode()))
        assert case["key"] not in f"{caught.value!r}{caught.value.__cause__!r}"
        assert case["key"][10:30] not in str(caught.value)


def test_a_public_node_has_no_hardened_child():
    node = PrivateNode.from_seed(Secret(bytes(16))).public()
    for derive in (node.child, node.child_key):
        with pytest.raises(InvalidPath):
            derive(HARDENED)


@pytest.mark.parametrize("size", [0, 15, 65])
def test_refuses_seeds_of_a_wrong_size(size):
    with pytest.raises(InvalidKey):
        PrivateNode.from_seed(Secret(bytes(size)))


@pytest.mark.parametrize("scalar", [0, CURVE_ORDER, CURVE_ORDER + 1, 2**256 - 1])
def test_refuses_scalars_outside_the_curve(scalar):
    with pytest.raises(InvalidKey):
        PrivateNode(Secret(scalar.to_bytes(32, "big")), bytes(32), ROOT)


@pytest.mark.parametrize("place", [(256, bytes(4), 0), (1, bytes(3), 0), (1, bytes(4), 2**32), (-1, bytes(4), 0)])
def test_refuses_places_that_cannot_be(place):
    with pytest.raises(InvalidKey):
        Place(*place)


def test_a_path_starts_at_the_root():
    node = PrivateNode.from_seed(Secret(bytes(16))).child(0)
    with pytest.raises(InvalidPath):
        node.derive("m/0")


def test_depth_ends_at_255():
    node = PublicNode(PrivateNode.from_seed(Secret(bytes(16))).public().key, bytes(32), Place(255, b"\x01" * 4, 0))
    for derive in (node.child, node.child_key):
        with pytest.raises(InvalidKey):
            derive(0)


def test_last_step_alone_gives_the_key_of_the_child():
    node = PrivateNode.from_seed(Secret(bytes(16)))
    for index in (0, 1, 999, HARDENED - 1):
        assert node.public().child_key(index) == node.public().child(index).key == node.child(index).public().key


def test_repr_shows_no_secret():
    node = PrivateNode.from_seed(Secret(bytes(16)))
    assert node.key.reveal().hex() not in repr(node)
    assert repr(node.key.reveal())[2:-1] not in repr(node)
    assert node.chain_code.hex() not in repr(node)
    assert repr(node.chain_code)[2:-1] not in repr(node)


def test_derives_all_chains_of_the_specification(vectors):
    checked = 0
    for vector in vectors[:-1]:
        root = PrivateNode.from_seed(Secret(bytes.fromhex(vector["seed"])))
        for chain in vector["chains"]:
            node = root.derive(chain["path"])
            assert encode_xprv(node, KeyNetwork.MAIN) == Secret(chain["xprv"].encode())
            assert encode_xpub(node.public(), KeyNetwork.MAIN) == chain["xpub"]
            assert decode_xpub(chain["xpub"]) == (KeyNetwork.MAIN, node.public())
            assert decode_xprv(Secret(chain["xprv"].encode())) == (KeyNetwork.MAIN, node)
            last = parse_path(chain["path"])[-1:]
            if last and last[0] < HARDENED:
                parent = root.descend(parse_path(chain["path"])[:-1]).public()
                assert parent.child(last[0]) == node.public()
            checked += 1
    assert checked == 17


def test_test_network_keys_keep_their_network():
    node = PrivateNode.from_seed(Secret(bytes(16))).public()
    text = encode_xpub(node, KeyNetwork.TEST)
    assert text.startswith("tpub")
    assert decode_xpub(text) == (KeyNetwork.TEST, node)


def test_agrees_with_a_second_implementation():
    bip_utils = pytest.importorskip("bip_utils")
    seed = bytes(range(64))
    for path in ("m/48h/0h/0h/2h/1/77", "m/44h/60h/3h/0/0", "m/2147483647h/2147483647"):
        ours = PrivateNode.from_seed(Secret(seed)).derive(path)
        theirs = bip_utils.Bip32Slip10Secp256k1.FromSeed(seed).DerivePath(path.replace("h", "'"))
        assert ours.public().key == theirs.PublicKey().RawCompressed().ToBytes()
        assert ours.chain_code == theirs.ChainCode().ToBytes()

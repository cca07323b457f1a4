import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from custody.keys.hd import InvalidKey, PrivateNode
from custody.keys.xkeys import KeyNetwork, decode_xprv, decode_xpub, encode_xprv, encode_xpub
from custody.primitives.secret import Secret

ROOT_NODE = PrivateNode.from_seed(Secret(bytes(32)))
TEXT = encode_xpub(ROOT_NODE.public(), KeyNetwork.MAIN)


@settings(max_examples=200, deadline=None)
@given(
    st.integers(0, len(TEXT) - 1), st.sampled_from("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz0OIl ")
)
def test_any_changed_character_is_refused(place, character):
    changed = TEXT[:place] + character + TEXT[place + 1 :]
    if changed == TEXT:
        return
    with pytest.raises(InvalidKey):
        decode_xpub(changed)


def test_a_private_key_is_not_read_as_a_public_one_nor_the_reverse():
    with pytest.raises(InvalidKey, match="version"):
        decode_xpub(encode_xprv(ROOT_NODE, KeyNetwork.MAIN).reveal().decode())
    with pytest.raises(InvalidKey, match="version"):
        decode_xprv(Secret(TEXT.encode()))


@settings(max_examples=50, deadline=None)
@given(
    st.binary(min_size=16, max_size=64), st.lists(st.integers(0, 2**32 - 1), max_size=3), st.sampled_from(KeyNetwork)
)
def test_text_forms_round_trip(seed, steps, network):
    node = PrivateNode.from_seed(Secret(seed)).descend(steps)
    assert decode_xprv(encode_xprv(node, network)) == (network, node)
    assert decode_xpub(encode_xpub(node.public(), network)) == (network, node.public())

import pytest

from custody.chains.registry import CHAINS
from custody.compliance.places import listed_key, place_key
from custody.primitives.errors import InvalidAddress, UnknownChain

P2WPKH = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"
SCRIPT = "utxo:0014751e76e8199196d454941c45d1b3a323f1433bd6"
TRON_ZERO = "T9yD14Nj9j7xAB4dbGeiX9h8unkKHxuWwb"
XRP_GENESIS = "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh"
SOLANA = "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"


@pytest.mark.parametrize("text", ["", "script:51", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb", P2WPKH + "q", "é" * 34])
@pytest.mark.parametrize("chain", list(CHAINS))
def test_what_is_nobodys_address_is_refused_on_every_chain(chain, text):
    with pytest.raises(InvalidAddress):
        place_key(chain, text)


def test_an_unknown_chain_is_refused():
    with pytest.raises(UnknownChain):
        place_key("atlantis", P2WPKH)


@pytest.mark.parametrize("chain", ["litecoin", "bitcoin-regtest", "dogecoin"])
def test_an_address_of_another_network_is_refused(chain):
    with pytest.raises(InvalidAddress):
        place_key(chain, P2WPKH)


@pytest.mark.parametrize("text", [SOLANA[:-1], SOLANA + "1", XRP_GENESIS.lower(), "0x1234", "88monero"])
def test_what_no_family_reads_is_listed_as_it_stands(text):
    assert listed_key(text) == f"other:{text}"


def test_one_script_is_one_key_on_every_network_and_in_every_spelling():
    same = {listed_key(text) for text in (P2WPKH, P2WPKH.upper(), "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080")}
    assert same == {SCRIPT, place_key("bitcoin", P2WPKH)} == {SCRIPT}
    # The same key hash, written for three networks.
    legacy = (
        "1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH",
        "LVuDpNCSSj6pQ7t9Pv6d6sUkLKoqDEVUnJ",
        "DFpN6QqFfUm3gKNaxN6tNcab1FArL9cZLE",
    )
    assert len({listed_key(text) for text in legacy}) == 1


def test_an_account_of_tron_ripple_and_solana_is_read_even_where_it_cannot_be_paid():
    assert listed_key(TRON_ZERO) == place_key("tron", TRON_ZERO) == f"tron:{TRON_ZERO}"
    assert listed_key(XRP_GENESIS) == place_key("xrpl-local", XRP_GENESIS)
    assert listed_key(SOLANA) == place_key("solana", SOLANA) == f"solana:{SOLANA}"


def test_case_matters_where_it_carries_meaning():
    zero = "0x" + "0" * 39 + "a"
    assert listed_key(zero.upper()) == place_key("bsc", zero) == f"evm:{zero}"
    assert listed_key(SOLANA.swapcase()) != listed_key(SOLANA)

# The ceremony of a local installation: what is asked wrongly is refused before any key is drawn.
import pytest

from custody.primitives.errors import InvalidInput
from custody.primitives.secret import Secret
from exchange.app.ceremony import Choices, hold_ceremony
from exchange.app.home import Home
from exchange.app.local_chains import LOCAL_CHAINS


@pytest.mark.parametrize("sol", ["", "squads", "FROST", "wrapped "])
def test_refuses_an_unknown_way_to_hold_sol_and_draws_nothing(sol, tmp_path):
    with pytest.raises(InvalidInput, match="SOL is held"):
        hold_ceremony(Home(tmp_path), Secret(b"passphrase"), LOCAL_CHAINS, Choices(sol))
    assert list(tmp_path.iterdir()) == []


def test_refuses_a_warm_wallet_where_none_can_be_made_and_draws_nothing(tmp_path):
    chains = {"bitcoin-regtest", "solana-local", "xrpl-local"}
    with pytest.raises(InvalidInput, match="no warm wallet can be made on solana-local, xrpl-local"):
        hold_ceremony(Home(tmp_path), Secret(b"passphrase"), LOCAL_CHAINS, Choices(warm=chains))
    assert list(tmp_path.iterdir()) == []

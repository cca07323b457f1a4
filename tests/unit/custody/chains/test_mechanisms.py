import pytest

from custody.chains.mechanisms import MECHANISMS, Evidence
from custody.chains.registry import chain_row
from custody.chains.utxo.params import row
from custody.devnet.network import KINDS
from custody.primitives.chain import Family

LABELS = {
    Evidence.NODE: "node ",
    Evidence.VM: "VM ",
    Evidence.SCRIPT: "simulator ",
    Evidence.CODEC_AND_SIMULATOR: "simulator ",
}


@pytest.mark.parametrize("chain", MECHANISMS)
def test_what_is_no_node_is_not_called_one_where_it_is_started(chain):
    how = MECHANISMS[chain]
    (kind,) = [kind for kind in KINDS if kind.chain == how.local]
    assert kind.evidence.startswith(LABELS[how.evidence])


@pytest.mark.parametrize("chain", MECHANISMS)
def test_a_network_and_the_local_one_that_stands_for_it_are_of_one_family(chain):
    assert chain_row(chain).family is chain_row(MECHANISMS[chain].local).family
    assert chain_row(chain).caip2 != chain_row(MECHANISMS[chain].local).caip2


@pytest.mark.parametrize("chain", [name for name in MECHANISMS if chain_row(name).family is Family.UTXO])
def test_no_proof_of_death_is_promised_where_ids_are_malleable(chain):
    assert MECHANISMS[chain].dies_by.startswith("nothing by itself") == row(chain).is_malleable


def test_every_local_chain_stands_for_a_named_network():
    assert {kind.chain for kind in KINDS} == {how.local for how in MECHANISMS.values()}

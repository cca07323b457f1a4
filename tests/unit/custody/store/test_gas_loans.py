from dataclasses import replace

import pytest

from custody.primitives.chain import Chain, ChainId, Family
from custody.store.database import open_database
from custody.store.gas_loans import SqlGasLoanStore
from custody.wallets.gas_loans import GasLoan

CHAIN = Chain(ChainId("sim"), Family.EVM, "1", "eip155:1", 1, 2)
OTHER = replace(CHAIN, id=ChainId("other"))
LOAN = GasLoan("evm:1:0xab:4", "0xA", lent=7 * 10**30, cost=10**31, at_s=5)


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/custody.db"


def test_a_loan_survives_a_restart_to_the_last_unit(url):
    SqlGasLoanStore(open_database(url)).save_loan(CHAIN, LOAN)
    assert SqlGasLoanStore(open_database(url)).loans(CHAIN) == [LOAN]


def test_the_same_key_is_replaced_and_other_chains_and_accounts_are_apart(url):
    store = SqlGasLoanStore(open_database(url))
    for chain, loan in ((CHAIN, LOAN), (OTHER, LOAN), (CHAIN, replace(LOAN, key="k2", account="0xB"))):
        store.save_loan(chain, loan)
    later = replace(LOAN, cost=1, at_s=9)
    store.save_loan(CHAIN, later)
    assert store.loans_of(CHAIN, "0xA") == [later]
    assert store.loans(OTHER) == [LOAN]
    assert {loan.account for loan in store.loans(CHAIN)} == {"0xA", "0xB"}

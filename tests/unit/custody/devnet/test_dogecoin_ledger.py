import pytest
from embit.script import Script
from embit.transaction import Transaction, TransactionInput, TransactionOutput

from custody.devnet.dogecoin_ledger import FAUCET_SCRIPT, FAUCET_UNLOCK, GENESIS_HASH, SUBSIDY_KOINU, DogecoinLedger
from custody.devnet.dogecoin_rules import MATURITY_BLOCKS, TxRefused

SOMEBODY = b"\xa9\x14" + bytes(20) + b"\x87"
FEE = 10_000_000


@pytest.fixture
def ledger():
    made = DogecoinLedger()
    made.mine(MATURITY_BLOCKS + 5, FAUCET_SCRIPT)
    return made


def coinbase(ledger, height):
    return ledger.chain[height].txs[0].txid


def paying(ledger, *, height=1, value=SUBSIDY_KOINU - FEE, sequence=0xFFFFFFFD, script=SOMEBODY):
    source = TransactionInput(bytes.fromhex(coinbase(ledger, height)), 0, Script(FAUCET_UNLOCK), sequence)
    return Transaction(1, [source], [TransactionOutput(value, Script(script))], 0)


def refusal(ledger, tx):
    with pytest.raises(TxRefused) as refused:
        ledger.accept(tx if isinstance(tx, bytes) else bytes(tx.serialize()))
    return refused.value.number, refused.value.text


def test_refuses_what_is_no_transaction(ledger):
    assert refusal(ledger, b"") == (-22, "TX decode failed")
    assert refusal(ledger, bytes(paying(ledger).serialize()) + b"\x00") == (-22, "TX decode failed")


def test_refuses_coins_that_are_missing_young_or_taken_twice(ledger):
    lost = paying(ledger)
    lost.vin[0].vout = 7
    assert refusal(ledger, lost) == (-25, "Missing inputs")
    assert refusal(ledger, paying(ledger, height=7)) == (-26, "16: bad-txns-premature-spend-of-coinbase")
    twice = paying(ledger)
    twice.vin *= 2
    assert refusal(ledger, twice) == (-26, "16: bad-txns-inputs-duplicate")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (SUBSIDY_KOINU + 1, "16: bad-txns-in-belowout"),
        (SUBSIDY_KOINU - 1_000, "66: min relay fee not met"),
        (SUBSIDY_KOINU - 101 * 10**8, "256: absurdly-high-fee"),
        (99_999, "64: dust"),
    ],
)
def test_refuses_fees_and_dust_with_the_words_of_the_node(ledger, value, text):
    assert refusal(ledger, paying(ledger, value=value)) == (-26, text)


def test_soft_dust_costs_its_limit_on_top(ledger):
    tx = paying(ledger, value=SUBSIDY_KOINU - 600_000 - 900_000)
    tx.vout.append(TransactionOutput(600_000, Script(SOMEBODY)))
    assert refusal(ledger, tx) == (-26, "66: min relay fee not met")
    tx.vout[0].value -= 200_000
    assert ledger.accept(bytes(tx.serialize()))


def test_refuses_a_script_that_does_not_hold(ledger):
    txid = ledger.accept(bytes(paying(ledger).serialize()))
    source = TransactionInput(bytes.fromhex(txid), 0, Script(FAUCET_UNLOCK))
    stolen = Transaction(1, [source], [TransactionOutput(SUBSIDY_KOINU - 2 * FEE, Script(SOMEBODY))], 0)
    assert refusal(ledger, stolen)[1].startswith("16: mandatory-script-verify-flag-failed")


def test_replacement_needs_a_signal_a_higher_rate_and_a_higher_fee(ledger):
    final = paying(ledger, height=1, sequence=0xFFFFFFFF)
    ledger.accept(bytes(final.serialize()))
    assert refusal(ledger, paying(ledger, height=1, value=final.vout[0].value - FEE)) == (
        -26,
        "18: txn-mempool-conflict",
    )
    first = paying(ledger, height=2)
    ledger.accept(bytes(first.serialize()))
    assert refusal(ledger, paying(ledger, height=2, value=first.vout[0].value - 1)) == (-26, "66: insufficient fee")
    second = ledger.accept(bytes(paying(ledger, height=2, value=first.vout[0].value - FEE).serialize()))
    assert first.txid().hex() not in ledger.pool
    assert second in ledger.pool


def test_what_builds_on_a_replaced_or_evicted_transaction_goes_with_it(ledger):
    parent = paying(ledger, script=FAUCET_SCRIPT)
    txid = ledger.accept(bytes(parent.serialize()))
    source = TransactionInput(bytes.fromhex(txid), 0, Script(FAUCET_UNLOCK))
    child = Transaction(1, [source], [TransactionOutput(SUBSIDY_KOINU - 2 * FEE, Script(SOMEBODY))], 0)
    ledger.accept(bytes(child.serialize()))
    ledger.evict(txid)
    assert ledger.pool == {}
    assert ledger.accept(bytes(parent.serialize())) == txid


def test_a_reorganisation_gives_transactions_back_and_drops_what_has_no_coins_left(ledger):
    tx = paying(ledger)
    txid = ledger.accept(bytes(tx.serialize()))
    ledger.mine(1, SOMEBODY)
    height = ledger.tip.height
    assert refusal(ledger, tx) == (-27, "transaction already in block chain")
    hashes = ledger.reorganise(1)
    assert (ledger.tip.height, ledger.tip.hash, len(hashes)) == (height + 1, hashes[-1], 2)
    assert list(ledger.pool) == [txid]
    total = sum(coin.value for coin in ledger.unspent.values())
    assert total == ledger.tip.height * SUBSIDY_KOINU
    assert all(block.parent == before.hash for before, block in zip(ledger.chain, ledger.chain[1:], strict=False))


def test_the_first_block_names_the_network_and_no_coin_is_made_or_lost(ledger):
    assert ledger.chain[0].hash == GENESIS_HASH
    ledger.fund({SOMEBODY: 12 * 10**8})
    ledger.mine(1, FAUCET_SCRIPT)
    assert sum(coin.value for coin in ledger.unspent.values()) == ledger.tip.height * SUBSIDY_KOINU
    assert 12 * 10**8 in [coin.value for coin in ledger.unspent.values()]

# A customer withdraws to the deposit address of another customer: one is debited, so the other must be credited.
from dataclasses import replace

import pytest
from simulators.solana import SOL

from custody.chains.solana import message
from custody.chains.solana.params import LOCAL
from custody.chains.solana.state import Draw, Nonce, Source, SplState
from custody.keys.material import SigningRole
from custody.primitives.errors import InsufficientFunds
from custody.signers.decoders.solana import SolanaDecoder
from custody.signers.decoders.solana_shapes import UnknownShape


@pytest.fixture
def state_of(house):
    nonce = Nonce(house.wallet.nonce_accounts[0], house.wallet.fee_payer)
    empty = SplState(SOL, (nonce,), ())

    def make(units):
        return replace(empty, sources=tuple(Source(a, LOCAL.native, held, stale=False) for a, held in units.items()))

    return make


def seen_since(live, height, watched):
    blocks = (live.reader.block_at(slot) for slot in range(height + 1, live.reader.tip().height + 1))
    return [(seen.to.text, seen.amount.units) for block in blocks for seen in live.reader.deposits(watched, block)]


def test_a_payment_never_draws_from_the_account_it_pays(house, state_of):
    place = house.wallet.deposit_address(0)
    state = state_of({place.text: 9 * SOL, house.wallet.deposit_address(1).text: 2 * SOL})
    plan = house.codec.plan([house.intent(place.text, 2 * SOL)], state, house.chosen())
    assert [draw.account for draw in plan.draws] == [house.wallet.deposit_address(1).text]
    with pytest.raises(InsufficientFunds):
        house.codec.plan([house.intent(place.text, 2 * SOL + 1)], state, house.chosen())


def test_a_batch_draws_from_none_of_the_accounts_it_pays(house, state_of):
    first, second = (house.wallet.deposit_address(index).text for index in (0, 1))
    state = state_of({first: 9 * SOL, second: 8 * SOL, house.wallet.vault(LOCAL.native): 3 * SOL})
    intents = [house.intent(first, SOL), house.intent(second, SOL, number=2)]
    plan = house.codec.plan(intents, state, house.chosen())
    assert [draw.account for draw in plan.draws] == [house.wallet.vault(LOCAL.native)]


def test_a_signer_refuses_to_draw_from_an_account_that_is_paid(house, state_of):
    first, second = (house.wallet.deposit_address(index).text for index in (0, 1))
    plan = house.codec.plan([house.intent(first, SOL)], state_of({second: 2 * SOL}), house.chosen())
    member = house.members[0]
    decoder = SolanaDecoder(house.wallet.registration(), {member.entry.path: member.public})
    hostile = replace(plan, draws=(Draw(first, SOL, stale=False),))
    with pytest.raises(UnknownShape, match="drawn from and paid"):
        decoder.understand(message.message_bytes(house.wallet, hostile), SigningRole.MEMBER)
    understood = decoder.understand(message.message_bytes(house.wallet, plan), SigningRole.MEMBER)
    assert [(to.text, amount.units) for to, amount in understood.summary.to] == [(first, SOL)]


def test_the_other_customer_is_credited_with_the_whole_payment(live):
    place = live.wallet.deposit_address(0).text
    live.vm.fund(place, 50 * SOL)  # more than the vault: the richest account is drawn from first
    live.vm.mine(40)
    height = live.reader.tip().height
    live.pay(live.intent(place, 3 * SOL))
    live.vm.mine(1)
    assert seen_since(live, height, frozenset({place})) == [(place, 3 * SOL)]

# B07: failed transaction; transfer inside an inner instruction; owner changed by SetAuthority; wrong mint;
# Token-2022. Credited is only post minus pre of our own account with pinned mint, program and owner.
import base64
import copy
import itertools
import struct
from dataclasses import replace

import base58
import pytest
from simulators.solana import SOL, BentRpc, Key, create_account, make_mint, mint_to, send, token_step

from custody.chains.solana import derivation, instructions
from custody.chains.solana.deposits import DepositBook, gains_in_block
from custody.chains.solana.node import SolanaNode
from custody.chains.solana.params import LOCAL, NATIVE_MINT, TOKEN_PROGRAM
from custody.chains.solana.reader import SplReader
from custody.chains.solana.setup import verify_wallet
from custody.chains.token_listing import TokenDiffers

TOKEN_2022 = "TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb"
RENT = LOCAL.token_account_rent


def entry(house, asset_mint, units, position=1, owner=None, program=TOKEN_PROGRAM):
    return {
        "accountIndex": position,
        "mint": asset_mint,
        "owner": owner or house.wallet.multisig,
        "programId": program,
        "uiTokenAmount": {"amount": str(units), "decimals": 6},
    }


def block(house, account, **meta):
    base = {"err": None, "preBalances": [9, 0], "postBalances": [9, 0], "preTokenBalances": [], "postTokenBalances": []}
    keys = [{"pubkey": Key("payer").text}, {"pubkey": account}]
    return {"transactions": [{"meta": base | meta, "transaction": {"signatures": ["T"], "accountKeys": keys}}]}


def gained(house, made, watched):
    watch = DepositBook(house.wallet).watch(frozenset(watched))
    return [(g.watched.credit_to, g.units, g.position, g.attested) for g in gains_in_block(house.wallet, made, watch)]


@pytest.mark.parametrize(
    ("pre", "post", "expected"),
    [
        (0, RENT, None),  # opening is no deposit
        (0, RENT - 1, None),
        (0, 0, None),
        (RENT, RENT, None),  # SyncNative moves nothing
        (RENT + SOL, RENT + SOL, None),
        (RENT + SOL, RENT, None),  # collected
        (RENT + SOL, RENT + SOL - 1, None),
        (RENT - 1, RENT + 1, 1),
        (RENT, RENT + 1, 1),
        (0, RENT + SOL, SOL),
        (RENT + SOL, RENT + 3 * SOL, 2 * SOL),
    ],
)
def test_b07_wrapped_sol_is_credited_by_its_lamports_above_rent(house, pre, post, expected):
    account = house.wallet.deposit_address(0).text
    made = block(house, account, preBalances=[9, pre], postBalances=[9, post])
    assert gained(house, made, {account}) == ([(account, expected, 1, False)] if expected else [])


def test_b07_failed_transaction_counts_for_nothing(house):
    account = house.wallet.deposit_address(0).text
    made = block(house, account, err={"InstructionError": [0, "Custom"]}, postBalances=[9, 5 * SOL])
    assert gained(house, made, {account}) == []


def test_b07_all_credits_of_an_account_add_up_to_what_lies_there(house):
    account, credited = house.wallet.deposit_address(0).text, 0
    balances = [0, 5, RENT, RENT, RENT + 70, RENT + 70, RENT + 100]
    for pre, post in itertools.pairwise(balances):
        made = block(house, account, preBalances=[9, pre], postBalances=[9, post])
        credited += sum(units for _, units, _, _ in gained(house, made, {account}))
    assert credited == 100


@pytest.mark.parametrize(
    "wrong", [{"owner": Key("mallory").text}, {"program": TOKEN_2022}, {"asset_mint": Key("look-alike").text}]
)
def test_b07_token_of_other_owner_program_or_mint_is_ignored(house, usdc, wrong):
    account = house.wallet.deposit_address(0, usdc).text
    good = {"asset_mint": usdc.contract, "units": 7}
    assert gained(house, block(house, account, postTokenBalances=[entry(house, **good)]), {account}) == [
        (account, 7, 1, True)
    ]
    assert gained(house, block(house, account, postTokenBalances=[entry(house, **(good | wrong))]), {account}) == []


def test_b07_lamports_on_a_token_account_are_no_deposit(house, usdc):
    account = house.wallet.deposit_address(0, usdc).text
    made = block(house, account, preBalances=[9, RENT], postBalances=[9, RENT + SOL])
    assert gained(house, made, {account}) == []


def test_b07_wrapped_sol_account_with_another_owner_is_ignored(house):
    account = house.wallet.deposit_address(0).text
    strange = [entry(house, NATIVE_MINT, SOL, owner=Key("mallory").text)]
    made = block(house, account, postBalances=[9, RENT + SOL], postTokenBalances=strange)
    assert gained(house, made, {account}) == []


def test_b07_token_gain_is_the_difference_not_the_amount(house, usdc):
    account = house.wallet.deposit_address(0, usdc).text
    before, after = [entry(house, usdc.contract, 90)], [entry(house, usdc.contract, 100)]
    made = block(house, account, preTokenBalances=before, postTokenBalances=after)
    assert gained(house, made, {account}) == [(account, 10, 1, True)]
    made = block(house, account, preTokenBalances=after, postTokenBalances=before)
    assert gained(house, made, {account}) == []


def test_b07_watched_sol_address_stands_for_its_customers_token_accounts(house, usdc):
    sol, token = house.wallet.deposit_address(3), house.wallet.deposit_address(3, usdc)
    made = block(house, token.text, postTokenBalances=[entry(house, usdc.contract, 7)])
    assert gained(house, made, {sol.text}) == [(sol.text, 7, 1, True)]
    assert gained(house, made, {sol.text, token.text}) == [(token.text, 7, 1, True)]
    assert gained(house, made, {house.wallet.deposit_address(4).text}) == []


# B17: a delegate signs, somebody else's account pays, a vault of a program loses lamports: all of them are named.
def test_b17_senders_are_the_signers_and_the_owners_of_what_became_less(house, usdc):
    account, mint = house.wallet.deposit_address(0, usdc).text, usdc.contract
    made = block(
        house,
        account,
        preBalances=[9, 0, 5, 5, 5],
        postBalances=[9, 0, 5, 4, 5],
        preTokenBalances=[entry(house, mint, 10, position=2, owner=Key("owner").text)],
        postTokenBalances=[entry(house, mint, 3, position=2, owner=Key("owner").text), entry(house, mint, 7)],
    )
    others = [("source", False), ("vault", False), ("delegate", True)]
    keys = made["transactions"][0]["transaction"]["accountKeys"]
    keys += [{"pubkey": Key(name).text, "signer": signs} for name, signs in others]
    (gain,) = gains_in_block(house.wallet, made, DepositBook(house.wallet).watch(frozenset({account})))
    assert gain.senders == tuple(Key(name).text for name in ("payer", "delegate", "owner", "vault"))


@pytest.mark.node
def test_b07_plain_sol_to_an_account_that_is_no_longer_ours_is_not_credited(live):
    to = live.wallet.deposit_address(0)
    live.vm.fund(to.text, SOL)
    live.vm.mine(1)
    tip = live.reader.tip()
    assert [d.amount.units for d in live.reader.deposits({to.text}, tip)] == [SOL]
    rows = live.vm.rpc.call("getMultipleAccounts", [to.text], {"commitment": "confirmed"})

    def altered(place, content):
        answer = copy.deepcopy(rows)
        raw = bytearray(base64.b64decode(answer["value"][0]["data"][0]))
        raw[place : place + len(content)] = content
        answer["value"][0]["data"][0] = base64.b64encode(bytes(raw)).decode()
        return answer

    mallory = Key("mallory").public.raw
    lies = [
        altered(32, mallory),
        altered(0, mallory),
        altered(72, b"\x01\0\0\0"),
        altered(129, b"\x01\0\0\0"),
        altered(108, b"\x02"),
    ]
    for lie in lies:
        reader = SplReader(live.wallet, SolanaNode(BentRpc(live.vm.rpc, getMultipleAccounts=lie)))
        assert reader.deposits({to.text}, tip) == []


@pytest.mark.node
def test_b07_failed_transfer_on_the_real_vm_is_not_credited(live, minted):
    usdc, _ = minted
    to, poor = live.wallet.deposit_address(0, usdc), Key("poor")
    live.vm.fund(poor.text, SOL)
    live.vm.mine(1)
    own = derivation.associated_token_account(poor.text, usdc.contract)
    steps = [
        instructions.create_associated(poor.text, own, poor.text, usdc.contract),
        token_step(struct.pack("<BQB", 12, 1, 6), [(own, "w"), (usdc.contract, ""), (to.text, "w"), (poor.text, "s")]),
    ]
    txid = send(live.vm, poor, steps, preflight=False)
    live.vm.mine(1)
    assert live.vm.rpc.call("getTransaction", txid, {"commitment": "confirmed"})["meta"]["err"] is not None
    assert live.reader.deposits({to.text}, live.reader.tip()) == []


@pytest.mark.node
def test_b07_look_alike_token_of_the_new_program_is_not_credited(vm, live):
    fake, authority = make_mint(vm, "fake", program=TOKEN_2022)
    account = Key("fake account")
    steps = [
        create_account(authority, account, 165, TOKEN_2022, RENT),
        token_step(
            bytes([18]) + base58.b58decode(live.wallet.multisig), [(account.text, "w"), (fake.contract, "")], TOKEN_2022
        ),
        token_step(
            bytes([7]) + struct.pack("<Q", 10**6),
            [(fake.contract, "w"), (account.text, "w"), (authority.text, "s")],
            TOKEN_2022,
        ),
    ]
    send(vm, authority, steps, [account])
    vm.mine(1)
    watched = {live.wallet.deposit_address(i).text for i in range(2)}
    assert live.reader.deposits(watched, live.reader.tip()) == []
    assert fake.contract not in {s.asset.contract for s in live.reader.spendable(frozenset()).sources}


@pytest.mark.node
def test_b07_true_deposits_of_both_kinds_are_credited_once_each(live, minted):
    usdc, authority = minted
    sol, token = live.wallet.deposit_address(1), live.wallet.deposit_address(1, usdc)
    live.vm.mine(1)
    first = live.vm.fund(sol.text, SOL)
    second = mint_to(live.vm, usdc, authority, token.text, 5)
    send(live.vm, live.opener, [instructions.sync_native(sol.text)])
    live.vm.mine(1)
    heights = range(live.reader.tip().height - 2, live.reader.tip().height + 1)
    seen = [d for h in heights for d in live.reader.deposits({sol.text}, live.reader.block_at(h))]
    assert [(d.txid, d.to, d.amount.units) for d in seen] == [(first, sol, SOL), (second, sol, 5)]


# A listing that does not fit would credit a thousandfold, or what the wallet can never spend.
@pytest.mark.node
def test_b07_listed_token_of_other_decimals_or_of_the_new_program_stops_the_start(vm, live, minted):
    usdc, _ = minted
    newer, _ = make_mint(vm, "newer", "USDC", program=TOKEN_2022)
    missing = replace(usdc, contract=Key("no mint").text)
    wrong = (replace(usdc, decimals=9), "6 decimals, listed with 9"), (newer, "no token"), (missing, "no token")
    for token, said in wrong:
        with pytest.raises(TokenDiffers, match=said):
            verify_wallet(live.node, replace(live.wallet, tokens=(token,)), "confirmed")


@pytest.mark.node
def test_b07_same_symbol_of_another_mint_in_an_account_of_ours_is_not_credited(vm, live, minted):
    usdc, authority = minted
    fake, forger = make_mint(vm, "same symbol", usdc.symbol)
    account = derivation.associated_token_account(live.wallet.multisig, fake.contract)
    send(vm, forger, [instructions.create_associated(forger.text, account, live.wallet.multisig, fake.contract)])
    vm.mine(1)
    watched, before = (
        {live.wallet.deposit_address(0).text},
        live.reader.balance(live.wallet.receive_address(usdc), usdc),
    )
    mint_to(vm, fake, forger, account, 10**9)
    assert live.reader.deposits(watched, live.reader.tip()) == []
    assert live.reader.balance(live.wallet.receive_address(usdc), usdc) == before
    mint_to(vm, usdc, authority, live.wallet.deposit_address(0, usdc).text, 7)
    assert [d.amount.units for d in live.reader.deposits(watched, live.reader.tip())] == [7]

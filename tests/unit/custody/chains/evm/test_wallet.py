from dataclasses import replace

import pytest
from simulators.anvil import DEPOSIT_PATH, OWNER_PATH, OWNERS, SENDER, make_wallet

from custody.chains.evm.deposit import DepositBranch
from custody.chains.evm.params import BSC, BSC_LOCAL, ETHEREUM, ETHEREUM_LOCAL, ROWS, params_for
from custody.chains.evm.wallet import Owner
from custody.primitives.asset import Asset
from custody.primitives.chain import ChainId
from custody.primitives.encoding import canonical_json
from custody.primitives.errors import InvalidInput, LimitExceeded, UnknownAsset, UnknownChain

CONTRACT = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"


def owners(count: int) -> tuple[Owner, ...]:
    return tuple(Owner(f"m/44h/60h/{i}h/0/0", OWNERS[0].key(f"m/44h/60h/{i}h/0/0")) for i in range(count))


@pytest.mark.parametrize(("threshold", "count"), [(1, 1), (1, 3), (2, 2), (3, 3), (0, 3), (4, 3), (2, 17)])
def test_refuses_quorums_that_one_key_spends_or_one_loss_locks(threshold, count):
    with pytest.raises(InvalidInput, match="threshold"):
        replace(make_wallet(), owners=owners(count), threshold=threshold)


# C11: the same key twice in a multisig set-up.
def test_refuses_the_same_owner_key_twice():
    two = owners(2)
    with pytest.raises(InvalidInput, match="twice"):
        replace(make_wallet(), owners=(*two, Owner("m/44h/60h/99h/0/0", two[0].key)))


def test_refuses_a_sender_that_is_an_owner_or_a_deposit_account():
    with pytest.raises(InvalidInput, match="not be an owner"):
        replace(make_wallet(), sender=OWNERS[0].key(OWNER_PATH))
    with pytest.raises(InvalidInput, match="not be a deposit account"):
        replace(make_wallet(), sender=SENDER.key(f"{DEPOSIT_PATH}/0/0"))


@pytest.mark.parametrize(
    "token",
    [
        Asset("MXT", 18, ETHEREUM_LOCAL.chain.id),
        Asset("MXT", 18, ETHEREUM_LOCAL.chain.id, CONTRACT.lower()),
        Asset("MXT", 18, ETHEREUM_LOCAL.chain.id, "MXT"),
        Asset("MXT", 18, ETHEREUM.chain.id, CONTRACT),
    ],
)
def test_refuses_tokens_without_a_canonical_contract_on_this_chain(token):
    with pytest.raises(InvalidInput, match="MXT"):
        make_wallet(tokens=(token,))


def test_refuses_one_contract_under_two_names():
    first = Asset("AAA", 18, ETHEREUM_LOCAL.chain.id, CONTRACT)
    with pytest.raises(InvalidInput, match="twice"):
        make_wallet(tokens=(first, replace(first, symbol="BBB")))


def test_refuses_assets_that_are_not_listed():
    with pytest.raises(UnknownAsset):
        make_wallet().asset_of(CONTRACT)
    with pytest.raises(UnknownChain, match="ethereum-local"):
        params_for(ChainId("etherium"))


def test_refuses_deposit_branches_with_private_keys_or_without_bounds():
    xpub = SENDER.xpub(DEPOSIT_PATH)
    private = "xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKmPGJxWUtg6LnF5kejMRNNU3TGtRBeJgk33yuGBxrMPHi"
    for broken in (private, xpub[:-1] + "1", ""):
        with pytest.raises(InvalidInput):
            DepositBranch(DEPOSIT_PATH, broken, 10)
    for window in (0, -1, 2**31 + 1):
        with pytest.raises(InvalidInput, match="window"):
            DepositBranch(DEPOSIT_PATH, xpub, window)
    for index in (-1, 10):
        with pytest.raises(LimitExceeded):
            DepositBranch(DEPOSIT_PATH, xpub, 10).address(index)


def test_deposit_addresses_are_those_of_the_private_derivation():
    branch = DepositBranch(DEPOSIT_PATH, SENDER.xpub(DEPOSIT_PATH), 10)
    for index in range(3):
        assert branch.public_key(index) == SENDER.key(branch.key_path(index))


def test_the_address_does_not_depend_on_the_order_of_owners_but_on_everything_else():
    wallet = make_wallet()
    assert replace(wallet, owners=wallet.owners[::-1]).safe == wallet.safe
    others = [
        make_wallet(salt_nonce=1),
        replace(wallet, owners=owners(4)),
        replace(wallet, owners=owners(4), threshold=3),
    ]
    assert len({wallet.safe, *(other.safe for other in others)}) == 4


# B18: the same owners have the same Safe address on every chain, and only the chain tells them apart.
def test_the_same_owners_have_one_address_on_two_chains_and_two_registrations():
    one, two = make_wallet(), make_wallet(BSC_LOCAL)
    assert one.safe == two.safe
    assert one.address != two.address
    assert (one.registration()["chain_id"], two.registration()["chain_id"]) == (31337, 31356)


def test_registration_is_canonical_json_and_names_everything_a_signer_needs():
    registration = make_wallet().registration()
    canonical_json(registration)
    assert {
        "id",
        "family",
        "chain",
        "network",
        "chain_id",
        "safe",
        "owners",
        "threshold",
        "version",
        "multisend",
    } <= set(registration)
    assert registration["owners"] == sorted(registration["owners"], key=lambda text: int(text, 16))


def test_rows_are_distinct_and_local_ones_never_carry_a_public_chain_id():
    assert len({row.chain_id for row in ROWS}) == len({row.chain.id for row in ROWS}) == len(ROWS)
    assert [row.chain_id for row in (ETHEREUM, BSC)] == [1, 56]
    assert not any(row.local for row in (ETHEREUM, BSC))
    assert params_for(BSC.chain.id) is BSC

# What signers and cold keys sign is evidence that a verifier accepts, and nothing less than a quorum is.
from dataclasses import replace

import pytest
from simulators.signer_kit import NOW
from simulators.signer_ownership import (
    CHAINS,
    HEADER,
    HEIGHT,
    HELD,
    NONCE,
    SEEDS,
    OwnershipBench,
    evidence_of,
    ownership_request,
    utxo,
)
from simulators.tron import tronweb

from custody.chains.evm.deposit import DepositBranch
from custody.chains.evm.params import ROWS as EVM_ROWS
from custody.chains.solana import params as solana_params
from custody.chains.tron.params import ROWS as TRON_ROWS
from custody.chains.utxo.params import BITCOIN_REGTEST, LITECOIN_REGTEST, ScriptType
from custody.chains.utxo.params import ROWS as UTXO_ROWS
from custody.chains.xrpl.params import ROWS as XRPL_ROWS
from custody.keys.hd import PrivateNode
from custody.keys.xkeys import KeyNetwork, encode_xpub
from custody.primitives.errors import BadSignature, InvalidInput, Refused
from custody.primitives.secret import Secret
from custody.reserves.evidence import verify_ownership
from custody.reserves.ownership import AttestedQuorum, OwnershipEvidence, OwnershipNotShown
from custody.signers.decoders.solana import CAIP2
from custody.signers.decoders.tron import CAIP2 as TRON_CAIP2
from custody.signers.decoders.utxo_script import NETWORKS
from custody.signers.decoders.xrpl import CAIP2 as XRPL_CAIP2
from custody.signers.ownership import NotOurAddress, OwnershipExpired
from custody.signers.owning import own_with_seed


@pytest.fixture(params=HELD)
def held(request):
    return HELD[request.param]()


def by_signers(folder, held, count):
    benches = [OwnershipBench(folder / str(number), held, seed) for number, seed in enumerate(SEEDS[:count])]
    return [bench.own(ownership_request(held)) for bench in benches]


def by_seeds(held, count, now_s=NOW):
    paths = {"member": held.member_path}
    return [own_with_seed(held.registration, paths, seed, ownership_request(held), now_s) for seed in SEEDS[:count]]


def accept(held, owned, nonce=NONCE, header=HEADER):
    verify_ownership(evidence_of(held, owned), header, nonce, held.quorum, NOW)


def test_one_signature_too_few_shows_nothing(held, tmp_path):
    with pytest.raises(OwnershipNotShown):
        accept(held, by_signers(tmp_path, held, 1))


def test_one_key_twice_shows_nothing(held, tmp_path):
    with pytest.raises(OwnershipNotShown):
        accept(held, by_signers(tmp_path, held, 1) * 2)


# A signature for one statement or one auditor's nonce is worth nothing for another.
def test_another_nonce_or_statement_shows_nothing(held, tmp_path):
    owned = by_signers(tmp_path, held, 2)
    for nonce, header in (
        (bytes(32), HEADER),
        (NONCE, replace(HEADER, seq=13)),
        (NONCE, replace(HEADER, exchange="b")),
    ):
        with pytest.raises((BadSignature, OwnershipNotShown)):
            accept(held, owned, nonce, header)


def test_a_seed_refuses_an_expired_text(held):
    for now_s in (ownership_request(held).expires_at_s() + 1, 0):
        with pytest.raises(OwnershipExpired):
            by_seeds(held, 1, now_s)


def test_a_seed_refuses_another_wallet_chain_or_address(held):
    paths, request = {"member": held.member_path}, ownership_request(held)
    elsewhere = "eip155:1" if held.caip2 != "eip155:1" else "eip155:2"
    for change in ({"wallet_id": "cold"}, {"chain": elsewhere}, {"address": f"{held.address}x"}):
        with pytest.raises(Refused):
            own_with_seed(held.registration, paths, SEEDS[0], replace(request, **change), NOW)


def test_a_seed_without_a_key_in_the_wallet_signs_nothing(held):
    with pytest.raises((InvalidInput, Refused)):
        own_with_seed(
            held.registration, {"member": held.member_path}, Secret(bytes([9]) * 64), ownership_request(held), NOW
        )


@pytest.mark.parametrize("family", ["evm", "solana"])
def test_a_seed_that_only_pays_fees_signs_nothing(family):
    held = HELD[family]()
    with pytest.raises(Refused, match="no member key"):
        own_with_seed(held.registration, {"sender": held.sender_path}, SEEDS[0], ownership_request(held), NOW)


# Named as member though it only pays: the decoder knows better.
@pytest.mark.parametrize("family", ["evm", "solana"])
def test_a_fee_key_posing_as_member_signs_nothing(family):
    held = HELD[family]()
    with pytest.raises((InvalidInput, Refused)):
        own_with_seed(held.registration, {"member": held.sender_path}, SEEDS[0], ownership_request(held), NOW)


# Two keys of one seed in a wallet: the sender's is never taken for the member's.
@pytest.mark.parametrize("family", ["evm", "solana"])
def test_the_member_key_signs_though_the_fee_key_lies_beside_it(family):
    held = HELD[family]()
    paths = {"sender": held.sender_path, "member": held.member_path}
    assert own_with_seed(held.registration, paths, SEEDS[0], ownership_request(held), NOW) == by_seeds(held, 1)[0]


@pytest.mark.parametrize("place", [(0, 40), (1, 40), (0, 1_000)])
def test_an_address_beyond_the_window_is_not_ours(place):
    held = utxo()
    beyond = replace(held.wallet, window=2_000).address(*place).text
    with pytest.raises(NotOurAddress):
        own_with_seed(
            held.registration, {"member": held.member_path}, SEEDS[0], ownership_request(held, address=beyond), NOW
        )


# A registration may claim any window; the work stays bounded.
def test_the_search_is_capped(monkeypatch):
    monkeypatch.setattr("custody.signers.decoders.utxo.MAX_SEARCHED_INDEXES", 5)
    with pytest.raises(NotOurAddress):
        by_seeds(utxo(), 1)  # index 7


@pytest.mark.parametrize("place", [(0, 0), (1, 0), (0, 39), (1, 39)])
def test_every_place_of_both_branches_is_found(place):
    held = replace(utxo(), address=utxo().wallet.address(*place).text)
    accept(held, by_seeds(held, 2))


def test_a_script_of_the_old_kind_is_shown_too():
    old = replace(BITCOIN_REGTEST, script=ScriptType.SH)
    held = utxo(old)
    assert held.address.startswith("2")
    accept(held, by_seeds(held, 2))


def test_litecoin_is_its_own_chain():
    held, lite = utxo(), utxo(LITECOIN_REGTEST)
    paths = {"member": lite.member_path}
    header = replace(HEADER, chains=(replace(HEADER.chains[0], id=lite.caip2),))
    request = replace(ownership_request(held), chain=lite.caip2, address=lite.address, ctx=header.ctx().hex())
    with pytest.raises(Refused):
        own_with_seed(held.registration, paths, SEEDS[0], request, NOW)
    accept(lite, [own_with_seed(lite.registration, paths, seed, request, NOW) for seed in SEEDS[:2]], NONCE, header)


# The signer pins the networks' names a second time; both lists must say the same.
def test_networks_are_named_as_the_chains_name_them():
    assert {str(row.chain.id): row.chain.caip2 for row in UTXO_ROWS} == {n: row.caip2 for n, row in NETWORKS.items()}
    assert all(row.chain.caip2 == f"eip155:{row.chain_id}" for row in EVM_ROWS)
    rows = (solana_params.MAINNET, solana_params.DEVNET, solana_params.LOCAL)
    assert {str(row.chain.id): row.chain.caip2 for row in rows} == CAIP2
    assert {str(row.chain.id): row.chain.caip2 for row in TRON_ROWS} == TRON_CAIP2
    assert {str(row.chain.id): row.chain.caip2 for row in XRPL_ROWS} == XRPL_CAIP2
    assert len({chain.caip2 for chain in CHAINS}) == len(CHAINS) == len(HELD)


def test_a_quorum_of_seeds_is_accepted(held):
    accept(held, by_seeds(held, 2))
    accept(held, by_seeds(held, 3))


def test_signers_and_seeds_sign_the_same(held, tmp_path):
    assert by_signers(tmp_path, held, 3) == by_seeds(held, 3)


def test_a_quorum_of_signers_is_accepted(held, tmp_path):
    accept(held, by_signers(tmp_path, held, 2))


# A deposit account is controlled by one key; only the signer that sweeps it can show it, and only by this text.
def test_a_deposit_key_shows_its_own_account_and_no_other():
    seed, other = Secret(b"\x11" * 64), Secret(b"\x12" * 64)
    root = PrivateNode.from_seed(seed)
    branch = DepositBranch("m/44h/60h/0h", encode_xpub(root.derive("m/44h/60h/0h").public(), KeyNetwork.TEST), 20)
    held = HELD["evm"]()
    wallet = replace(held.wallet, deposits=branch)
    paths = {"deposits": "m/44h/60h/0h"}

    def show(address, by=seed, our_paths=paths):
        request = replace(ownership_request(held), address=address)
        return own_with_seed(wallet.registration(), our_paths, by, request, NOW)

    with pytest.raises(NotOurAddress):
        show(wallet.sender_address)
    with pytest.raises(Refused):
        show(wallet.safe)
    with pytest.raises(NotOurAddress):
        show(DepositBranch(branch.path, branch.xpub, 40).address(30))
    stranger = show(branch.address(3), by=other)
    with pytest.raises(Refused):
        show(branch.address(3), our_paths={"sender": "m/44h/60h/1h/0/0"})
    signed = show(branch.address(3))
    evidence = OwnershipEvidence(held.caip2, branch.address(3), "eip191-owners", (("", signed.signature),))
    alone = AttestedQuorum(held.caip2, branch.address(3), (branch.address(3),), 1, HEIGHT)
    verify_ownership(evidence, HEADER, NONCE, alone, NOW)
    with pytest.raises(OwnershipNotShown):  # another seed's key at the same path leads to another account
        verify_ownership(replace(evidence, signatures=(("", stranger.signature),)), HEADER, NONCE, alone, NOW)


# TIP-191 as tronweb understands it: whoever holds our text and the signature finds the member with public tools.
def test_tronweb_recovers_the_member_of_a_tron_account_from_its_ownership_signature():
    held = HELD["tron"]()
    owned = by_seeds(held, 2)
    text = ownership_request(held).text()
    answer = tronweb(
        "out = g.signatures.map(s => utils.message.verifyMessage(g.text, '0x' + s))",
        text=text,
        signatures=[each.signature for each in owned],
    )
    assert answer == [member.address for member in held.wallet.members[:2]]
    assert [each.key for each in owned] == ["", ""]

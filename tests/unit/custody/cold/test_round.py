# Three of five cold rooms sign by files alone, their parts are put together, and the builder's code makes the same of it.
import pytest
from simulators.cold import FAMILIES, QUORUM, SEEDS, Vault, answers

from custody.cold.combining import BadPart, combine
from custody.cold.confirming import NotConfirmed
from custody.cold.finishing import TXID
from custody.cold.home import ColdHome, SequenceUsed
from custody.cold.parts import decode_part, decode_result
from custody.cold.request import decode_request_file
from custody.cold.showing import as_json, show
from custody.keys.material import SigningRole
from custody.primitives.errors import InvalidInput, LimitExceeded, QuorumNotReached


@pytest.fixture(params=FAMILIES, ids=lambda family: family.__name__)
def vault(request, tmp_path):
    return Vault(tmp_path, request.param)


@pytest.fixture
def bitcoin(tmp_path):
    return Vault(tmp_path, FAMILIES[0])


def test_a_wrong_answer_signs_nothing_and_uses_no_number_up(vault):
    request = vault.request()
    wrong = (
        answers(request, to="1" * 80),
        answers(request, amount="1"),
        lambda _: "",  # the end of the input
        lambda _: "y\n",
        lambda _: "yes\n",
    )
    for ask in wrong:
        with pytest.raises(NotConfirmed):
            vault.sign(0, request, ask)
    room = vault.room(0)
    assert room.inspect(request).last_sequence == 0
    assert vault.homes[0].last_sequence("cold") == 0


def test_too_few_parts_and_one_member_twice_are_no_result(vault):
    request = vault.request()
    parts = vault.parts(request)
    with pytest.raises(QuorumNotReached):
        combine(request, vault.wallet(), parts[:2])
    with pytest.raises(InvalidInput, match="cold-1"):
        combine(request, vault.wallet(), [parts[0], parts[1], parts[0]])


def test_a_bad_part_is_named(vault):
    request = vault.request()
    parts = vault.parts(request)
    for place, part in enumerate(parts):
        first = part.signatures[0]
        bent = bytearray(first.value)
        bent[10] ^= 1
        signatures = (type(first)(first.key, first.index, bytes(bent)), *part.signatures[1:])
        spoiled = type(part)(part.request, part.wallet_id, part.keyholder, part.path, part.member, signatures)
        with pytest.raises(BadPart, match=part.keyholder):
            combine(request, vault.wallet(), [*parts[:place], spoiled, *parts[place + 1 :]])


def test_three_of_five_sign_by_files_and_both_sides_agree_on_the_bytes(vault):
    request = decode_request_file(vault.request().raw)
    parts = [decode_part(part.raw) for part in vault.parts(request)]
    result = decode_result(combine(request, vault.wallet(), parts).raw)
    assert result.keyholders == tuple(f"cold-{number + 1}" for number in QUORUM)
    plan, signatures = vault.plan(), list(result.signatures)
    need = vault.family.codec.next_need(plan, signatures)
    if result.names == TXID:
        signed = vault.family.codec.assemble(plan, signatures)
        assert (result.name, result.transaction) == (signed.txid, signed.raw)
    else:  # a Safe's execution and Solana's fee payer: the sender signs last, over what the members signed
        assert need.role is SigningRole.SENDER
        assert len(result.transaction) == sum(len(each.value) for each in signatures)


def test_what_is_shown_names_place_amount_own_address_and_fee(vault):
    request = vault.request()
    room = vault.room(0)
    seen = room.inspect(request)
    text = "\n".join(show(request, seen, room.rules))
    assert seen.refusal is None
    assert vault.family.to in text
    assert "warm, warm" in text
    assert f"{vault.family.units} base units" in text
    assert seen.own
    assert as_json(request, seen)["payments"][0]["place"] == {"wallet": "warm", "tier": "warm"}


def test_a_lost_part_is_made_again_and_an_older_number_is_not_signed(bitcoin):
    first, second = bitcoin.request(sequence=7), bitcoin.request(sequence=7, made_at_s=bitcoin.now + 1)
    assert bitcoin.sign(0, first) == bitcoin.sign(0, first)
    for request in (second, bitcoin.request(sequence=6), bitcoin.request(sequence=1)):
        with pytest.raises(SequenceUsed):
            bitcoin.sign(0, request)


def test_a_number_far_ahead_is_refused_and_leaves_the_others_free(bitcoin):
    with pytest.raises(LimitExceeded):
        bitcoin.sign(0, bitcoin.request(sequence=2**52))
    assert bitcoin.sign(0, bitcoin.request(sequence=1)).signatures


def test_the_number_is_on_disk_before_anything_is_signed(bitcoin, monkeypatch):
    # The disk is full when the number is to be written: no signature may have left, and none is remembered.
    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr("custody.cold.home.replace_private", full)
    room = bitcoin.room(0)
    with pytest.raises(OSError, match="no space"):
        room.sign(bitcoin.request(), answers(bitcoin.request()), lambda below: below - 1)
    monkeypatch.undo()
    memory = room._service._memory
    assert memory.highest_sequence() == 0


def test_the_seal_is_of_the_keyholder_alone(bitcoin):
    home = ColdHome(bitcoin.homes[0].folder)
    for seed in SEEDS[1:]:
        with pytest.raises(Exception, match="sealed"):
            home.verify_seal(seed)
    home.verify_seal(SEEDS[0])

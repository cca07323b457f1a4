# Files of the cold room: strict, whole, and refused when anything in them is of elsewhere.
import json
from dataclasses import replace

import pytest
from simulators.cold import FAMILIES, WORDS, Solana, Utxo, Vault
from simulators.signer_kit import approve

from custody.cold.combining import BadPart, combine, verify_part
from custody.cold.files import MAX_FILE_BYTES, file_digest, groups, read_file, write_out
from custody.cold.finishing import finish
from custody.cold.home import Place, SealBroken, begin_sequences, write_places
from custody.cold.parts import decode_part, decode_result
from custody.cold.provision import Membership, create_room, register
from custody.cold.reading import describe
from custody.cold.request import decode_request_file
from custody.keys.material import Signature
from custody.primitives.encoding import canonical_json
from custody.primitives.errors import Conflict, InvalidInput, MalformedPayload, NotFound
from custody.primitives.secret import Secret
from custody.signers.keyring import Keyring
from custody.signers.memory import AlreadySigned


@pytest.fixture
def vault(tmp_path):
    return Vault(tmp_path, Utxo)


@pytest.fixture
def files(vault):
    request = vault.request()
    parts = vault.parts(request)
    return {
        "request": (request.raw, decode_request_file),
        "part": (parts[0].raw, decode_part),
        "result": (combine(request, vault.wallet(), parts).raw, decode_result),
    }


@pytest.mark.parametrize("kind", ["request", "part", "result"])
def test_a_file_is_read_strictly(files, kind):
    raw, decode = files[kind]
    fields = json.loads(raw)
    spoiled = [
        raw + b"\n",
        raw[:-1],
        b"{}",
        b"[]",
        json.dumps(fields, indent=1).encode(),
        canonical_json({**fields, "surplus": 1}),
        canonical_json({**fields, "format": fields["format"].replace("/1", "/2")}),
        *(canonical_json({name: value for name, value in fields.items() if name != gone}) for gone in fields),
        *(canonical_json({**fields, name: [None]}) for name in fields),
    ]
    for bad in spoiled:
        with pytest.raises(InvalidInput):
            decode(bad)
    assert decode(raw).raw == raw
    assert decode(raw).digest == file_digest(raw)


def test_every_kind_is_named_and_no_other(files, vault):
    assert [describe(raw)[0].split(" ")[0] for raw, _ in files.values()] == [
        "mext/cold-request/1",
        "mext/cold-part/1",
        "mext/cold-result/1",
    ]
    with pytest.raises(MalformedPayload):
        describe(canonical_json({"format": "mext/keystore/1"}))
    assert groups(vault.request().digest).count(" ") == 15


def test_files_that_are_too_long_or_not_there_are_refused(tmp_path):
    with pytest.raises(NotFound):
        read_file(tmp_path / "none")
    long = tmp_path / "long"
    long.write_bytes(bytes(MAX_FILE_BYTES + 1))
    with pytest.raises(MalformedPayload):
        read_file(long)


def test_an_existing_file_is_not_overwritten_unless_it_is_the_same(tmp_path):
    write_out(tmp_path / "out", b"one")
    write_out(tmp_path / "out", b"one")
    with pytest.raises(Conflict):
        write_out(tmp_path / "out", b"two")
    assert (tmp_path / "out").read_bytes() == b"one"


@pytest.mark.parametrize("change", ["sequence", "made_by", "intents", "policy", "expiry", "role"])
def test_a_request_that_contradicts_itself_is_not_made(vault, change):
    intent = vault.intent()
    bad = {
        "sequence": lambda: vault.request(sequence=0),
        "made_by": lambda: replace(vault.request(), made_by=""),
        "intents": lambda: replace(vault.request(), request=replace(vault.request().request, intents=())),
        "policy": lambda: replace(vault.request(), policy_version=2),
        "expiry": lambda: vault.request(expires_at_s=intent.expires_at_s + 1),
        "role": lambda: replace(vault.request(), request=replace(vault.request().request, role="sender")),
    }
    with pytest.raises(InvalidInput):
        bad[change]()


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
def test_a_strangers_part_and_one_under_another_members_name_are_refused(tmp_path, family):
    vault = Vault(tmp_path, family)
    request, wallet = vault.request(), vault.wallet()
    part = vault.sign(0, request)
    curve = part.member.curve
    stranger = Keyring(Secret(b"\x77" * 64)).public_key(part.path, curve)
    with pytest.raises(BadPart, match="cold-1"):
        verify_part(request, wallet, replace(part, member=stranger))
    other = vault.sign(2, request)
    with pytest.raises(BadPart, match="cold-1"):  # the member key of another, with one's own signatures
        verify_part(request, wallet, replace(part, member=other.member))
    for values in ((), part.signatures * 2, (Signature(part.signatures[0].key, 7, b"x"),)):
        with pytest.raises(BadPart):
            verify_part(request, wallet, replace(part, signatures=values))


def test_a_member_whom_the_message_does_not_name_makes_no_part(tmp_path):
    vault = Vault(tmp_path, Solana)
    with pytest.raises(Exception, match="signs this message"):
        vault.sign(1, vault.request())


def test_a_room_without_its_numbers_or_its_memory_signs_nothing(vault):
    vault.homes[0].sequences.unlink()
    with pytest.raises(NotFound):
        vault.sign(0, vault.request())
    vault.homes[2].signer.memory.unlink()
    with pytest.raises(NotFound):
        vault.room(2)


def test_numbers_begin_once(vault):
    with pytest.raises(Conflict):
        begin_sequences(vault.homes[0])


def test_a_wallet_that_is_not_registered_here_is_not_signed_for(vault):
    request = vault.request()
    foreign = replace(request, request=replace(request.request, wallet_id="cold-other"))
    with pytest.raises(NotFound):
        vault.room(0).inspect(foreign)


def test_two_wallets_share_no_numbers(vault):
    home = vault.homes[0]
    home.remember("cold", 5, vault.request().digest)
    assert (home.last_sequence("cold"), home.last_sequence("other")) == (5, 0)


def test_a_second_payment_of_the_same_refill_is_refused(vault):
    # Numbers rise and a quorum approves, but the memory knows the refill: what it signed once it signs in one form only.
    vault.sign(0, vault.request())
    assert vault.sign(0, vault.request(sequence=2)).signatures  # the same payload: the same answer
    other = vault.intent(salt="11" * 16)
    with pytest.raises(AlreadySigned):
        vault.sign(0, vault.request(other, sequence=3, approvals=approve(other)))


def test_a_family_that_does_not_sign_in_rooms_is_not_finished(vault):
    with pytest.raises(InvalidInput, match="solana-frost"):
        finish(replace(vault.wallet(), family="solana-frost"), b"", [])


def test_a_room_is_set_up_once_and_sealed(tmp_path, vault):
    home = vault.homes[0]
    fresh = type(home)(tmp_path / "fresh")
    rules = json.loads(home.signer.rules.read_text())
    passphrase = Secret(b"correct horse battery")
    create_room(fresh, passphrase, rules, WORDS[0])
    assert fresh.last_sequence("cold") == 0
    membership = Membership(vault.family.wallet.registration(), vault.family.path)
    for places in ({}, {"cold": {}}, {"other": {vault.family.to: Place("warm", "warm")}}):
        with pytest.raises(InvalidInput):
            register(fresh, passphrase, [membership], places)
    register(fresh, passphrase, [membership], {"cold": {vault.family.to: Place("warm", "warm")}})
    seed = fresh.signer.load_seed(passphrase)
    fresh.verify_seal(seed)
    write_places(fresh, {"cold": {"elsewhere": Place("warm", "warm")}})
    with pytest.raises(SealBroken):
        fresh.verify_seal(seed)

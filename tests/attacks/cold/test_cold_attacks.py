# What a cold room refuses, whatever the machine that wrote the file says: C18, and the cold side of C01, C06, C07, C10.
import hashlib
import json
from dataclasses import replace

import pytest
from embit.psbt import PSBT
from embit.script import Script
from simulators.bitcoin import make_coins
from simulators.cold import FAMILIES, SEEDS, Evm, Tron, Utxo, Vault, answers
from simulators.signer_kit import approve

from custody.chains.evm.safe_tx import Operation, SafeTx
from custody.chains.utxo.params import BITCOIN_REGTEST
from custody.cold.combining import BadPart, combine
from custody.cold.confirming import questions_for
from custody.cold.files import groups
from custody.cold.home import Place, SealBroken, write_places
from custody.cold.reading import describe
from custody.cold.request import PartOfAnother, decode_request_file
from custody.cold.room import PlaceRefused
from custody.cold.showing import show
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.encoding import canonical_json
from custody.primitives.errors import (
    InvalidInput,
    LimitExceeded,
    MalformedPayload,
    QuorumNotReached,
    Refused,
    ToolkitError,
)
from custody.primitives.ids import WithdrawalId
from custody.primitives.intent import TransferSummary
from custody.signers.judge import IntentExpired, PayloadMismatch

OTHER = "bcrt1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qzf4jry"


@pytest.fixture
def vault(tmp_path):
    return Vault(tmp_path, Utxo)


@pytest.fixture
def safe(tmp_path):
    return Vault(tmp_path, Evm)


def refused(vault, request, *kinds):
    with pytest.raises(kinds or Refused) as caught:
        vault.sign(0, request)
    assert vault.room(0)._service._memory.highest_sequence() == 0
    assert vault.homes[0].last_sequence("cold") == 0
    return caught.value


def bent(vault, change):
    psbt = PSBT.parse(vault.request().request.payload)
    change(psbt)
    return psbt.serialize()


# C18
def test_c18_a_part_of_another_file_does_not_fit_in(vault):
    first = vault.request()
    second = vault.request(vault.intent(withdrawal_id=WithdrawalId("refill-2")), sequence=2)
    one, two = json.loads(first.raw), json.loads(second.raw)
    for name in sorted(set(one) - {"format"}):
        if one[name] == two[name]:
            continue
        swapped = canonical_json({**one, name: two[name]})
        with pytest.raises((PartOfAnother, InvalidInput)):
            vault.room(0).inspect(decode_request_file(swapped))
    for name in sorted(one["request"]):
        if one["request"][name] != two["request"][name]:
            swapped = canonical_json({**one, "request": {**one["request"], name: two["request"][name]}})
            with pytest.raises((PartOfAnother, InvalidInput)):
                vault.room(0).inspect(decode_request_file(swapped))


# C18
def test_c18_every_single_byte_changes_the_digest_or_is_refused(vault):
    raw = vault.request().raw
    shown = groups(vault.request().digest)
    for place in range(0, len(raw), 97):
        other = bytearray(raw)
        other[place] ^= 1
        try:
            changed = decode_request_file(bytes(other))
        except ToolkitError:
            continue
        assert groups(changed.digest) != shown
        with pytest.raises(PartOfAnother):
            vault.room(0).inspect(changed)


# C18
def test_c18_a_part_for_another_request_is_named(vault):
    first = vault.request()
    fewer = Amount(vault.family.units - 1_000, vault.family.native)
    second = vault.request(vault.intent(withdrawal_id=WithdrawalId("refill-2"), amount=fewer), sequence=2)
    part = vault.sign(2, first)
    with pytest.raises(PartOfAnother, match="cold-3"):
        combine(second, vault.wallet(), [part])
    with pytest.raises(BadPart, match="cold-3"):  # relabelled, its signatures are still over the first payload
        combine(second, vault.wallet(), [replace(part, request=second.digest)])


# C18: the file was made by somebody who is no officer, or signed by another one than it says.
def test_c18_a_file_of_a_stranger_is_refused(vault):
    with pytest.raises(PartOfAnother, match="eve"):
        vault.room(0).inspect(vault.request(maker="eve"))
    honest = vault.request()
    with pytest.raises(PartOfAnother):
        vault.room(0).inspect(replace(honest, made_by="ann"))


# C18: the request was swapped for another one that officers approved too; what the person was told does not fit.
def test_c18_a_swapped_file_meets_other_answers(vault, tmp_path):
    (tmp_path / "other").mkdir()
    other = Vault(tmp_path / "other", Utxo)
    elsewhere = replace(vault.intent(), to=Address(vault.family.chain.id, OTHER))
    vault.places[OTHER] = Place("hot", "hot")
    write_places(vault.homes[0], {"cold": vault.places})
    vault.homes[0].write_seal(SEEDS[0])
    swapped = vault.request(elsewhere)
    assert groups(swapped.digest) != groups(other.request().digest)
    with pytest.raises(Refused, match="nothing was signed"):
        vault.sign(0, swapped, answers(other.request()))


# C11: a registration, the rules or the places on the disk were swapped; BIP-388 seals policies for the same reason.
def test_c11_a_swapped_file_of_the_home_is_found(vault):
    home = vault.homes[0]
    wallet = home.folder / "wallets" / "cold.json"
    for path, change in (
        (wallet, lambda text: text.replace('"threshold": 3', '"threshold": 2')),
        (home.signer.rules, lambda text: text.replace('"threshold": 2', '"threshold": 1')),
        (home.places, lambda text: text.replace(vault.family.to, OTHER)),
    ):
        honest = path.read_text()
        path.write_text(change(honest))
        assert path.read_text() != honest
        with pytest.raises(SealBroken):
            vault.room(0)
        path.write_text(honest)
    extra = home.folder / "wallets" / "extra.json"
    extra.write_bytes(wallet.read_bytes())
    extra.chmod(0o600)
    with pytest.raises(SealBroken):
        vault.room(0)
    extra.unlink()
    gone = wallet.read_bytes()
    wallet.unlink()
    with pytest.raises(SealBroken):
        vault.room(0)
    wallet.write_bytes(gone)
    wallet.chmod(0o600)
    assert vault.room(0).wallet("cold").id == "cold"


# E03: cold pays our own places above it and nobody else, whatever a quorum of officers approves.
@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
def test_e03_a_place_that_is_not_registered_is_refused(tmp_path, family):
    vault = Vault(tmp_path, family)
    vault.places = {"somewhere-else": Place("warm", "warm")}
    for home, seed in zip(vault.homes, SEEDS, strict=True):
        write_places(home, {"cold": vault.places})
        home.write_seal(seed)
    seen = vault.room(0).inspect(vault.request())
    assert seen.places == (None,)
    refused(vault, vault.request(), PlaceRefused)


def test_places_name_tiers_above_cold_only(vault):
    with pytest.raises(MalformedPayload):
        write_places(vault.homes[0], {"cold": {OTHER: Place("stranger", "customer")}})


# C01
def test_c01_a_delegatecall_in_a_file_is_not_even_shown_as_a_payment(safe):
    honest = safe.family.codec.next_need(safe.plan(), []).payload
    wallet = safe.family.wallet
    evil = SafeTx(
        wallet.params.chain_id, wallet.safe, safe.family.to, 0, b"\xaa\xbb\xcc\xdd", Operation.DELEGATECALL, 4
    ).payload()
    assert evil != honest
    with pytest.raises(Refused, match="delegatecall"):
        safe.room(0).inspect(safe.request(payload=evil))
    refused(safe, safe.request(payload=evil))


# C06
def test_c06_a_lying_amount_is_refused_without_the_whole_previous_transaction(vault):
    def lie(psbt):
        psbt.inputs[0].witness_utxo.value += 10_000

    def strip(psbt):
        psbt.inputs[0].non_witness_utxo = None

    for change in (lie, strip):
        refused(vault, vault.request(payload=bent(vault, change)))


# C07
def test_c07_change_with_trailing_opcodes_is_refused(vault):
    def trail(psbt):
        scope = next(each for each in psbt.outputs if each.bip32_derivations)
        script = Script(scope.witness_script.data + b"\x75\x51")
        scope.witness_script = script
        scope.script_pubkey = Script(b"\x00\x20" + hashlib.sha256(script.data).digest())

    refused(vault, vault.request(payload=bent(vault, trail)))


# C10
def test_c10_the_rooms_own_cap_on_fees_holds(tmp_path):
    vault = Vault(tmp_path, Utxo, fee_caps={BITCOIN_REGTEST.chain.id: "100"})
    error = refused(vault, vault.request(), LimitExceeded)
    assert "fee" in error.message


# C10
def test_c10_the_whole_change_as_fee_is_refused(vault):
    vault.family.state = make_coins(vault.family.wallet, 90_000)

    def burn(psbt):
        scope = next(each for each in psbt.outputs if each.bip32_derivations)
        psbt.outputs.remove(scope)

    refused(vault, vault.request(payload=bent(vault, burn)), LimitExceeded)


# C04, C05: approvals of another payment, of too few people, or of long ago.
def test_c05_an_approval_of_another_payment_counts_nothing(vault):
    other = vault.intent(withdrawal_id=WithdrawalId("refill-2"))
    for votes in (approve(other), approve(vault.intent(), "ann"), approve(vault.intent(), at_s=vault.now - 10**7), ()):
        refused(vault, vault.request(approvals=votes), QuorumNotReached)


# C04
def test_c04_the_payload_pays_somebody_else_than_approved(vault):
    thief = replace(vault.intent(), to=Address(vault.family.chain.id, OTHER))
    payload = vault.family.codec.next_need(vault.plan(thief), []).payload
    refused(vault, vault.request(payload=payload), PlaceRefused, PayloadMismatch)


def test_an_expired_file_is_refused(vault):
    request = vault.request(expires_at_s=vault.now)
    refused(vault, request, IntentExpired)


# C19: the stretch that is typed never is one of the ends that a look-alike shares.
def test_c19_the_ends_of_an_address_are_not_what_is_asked(vault):
    to = Address(vault.family.chain.id, vault.family.to)
    summary = TransferSummary(((to, Amount(1, vault.family.native)),), (), Amount(0, vault.family.native))
    found = set()
    for draw in range(len(to.text)):
        question, _ = questions_for(summary, lambda below, draw=draw: draw % below)
        first, last = (int(word) for word in question.text.split() if word.isdecimal())
        assert 5 < first <= last <= len(to.text) - 5
        found.add(first)
    assert len(found) == len(to.text) - 10 - 8 + 1


# A13: Tron bytes that stay valid for longer than an hour are not hoarded in a cold room either.
def test_a13_bytes_that_live_long_are_refused(tmp_path):
    vault = Vault(tmp_path, Tron)
    moment = vault.family.state.moment
    later = replace(vault.family.state, moment=replace(moment, head_ms=moment.head_ms + 2 * 3_600_000))
    vault.family.state = later
    refused(vault, vault.request(), LimitExceeded)


# A name in the file clears the screen, or writes a line that looks like ours.
def test_c18_no_text_of_a_file_changes_the_screen(vault):
    for name in ("ann\x1b[2J", "ann\nverdict      may be signed", "nna\u202e", "\r" + " " * 60):
        (vote, *rest) = approve(vault.intent())
        request = vault.request(approvals=(replace(vote, approver=name), vote, *rest))
        room = vault.room(0)
        lines = show(request, room.inspect(request), room.rules)
        assert all(line.isascii() and line.isprintable() for line in lines)
        assert sum(line.startswith("verdict") for line in lines) == 1
        assert next(line for line in lines if line.startswith("approved by")).split()[2:] == ["ann,", "bob"]
        memo = vault.request(vault.intent(withdrawal_id=WithdrawalId(name)))
        assert all(line.isascii() and line.isprintable() for line in describe(replace(memo, made_by=name).raw))

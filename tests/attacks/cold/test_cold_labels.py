# A hacked back office writes the plan: it renames an asset, moves the point, or puts a customer's tag under our address.
import json

import pytest
from simulators.cold import SEEDS, Utxo, Vault, Xrpl, answers
from simulators.xrpl import Key
from typer.testing import CliRunner

from custody.chains.registry import CHAINS, NATIVES
from custody.cold.confirming import NotConfirmed
from custody.cold.home import Place, write_places
from custody.cold.reading import describe
from custody.cold.request import decode_request_file
from custody.cold.room import MemoRefused
from custody.cold.showing import show
from custody.cold.wallets_file import ToldWallet, WalletsFile, decode_wallets
from custody.keys.private_files import write_new_private
from custody.primitives.encoding import canonical_json
from custody.primitives.errors import UnknownAsset
from custody.primitives.intent import intent_hash
from custody.primitives.secret import Secret
from custody.wallets.tags import tag_of
from exchange.app.blueprint import AssetSpec, Blueprint, MemberSpec, WalletSpec, save_blueprint
from exchange.app.cold_labels import LabelDiffers
from exchange.app.cold_requests import ColdPlan, decode_cold_plan
from exchange.app.cold_rooms import places_of
from exchange.app.home import Home
from exchange.app.keyholders import create_holder
from exchange.cli.approval_files import read_approval
from exchange.cli.treasury import app

BTC = AssetSpec("BTC", 8, "bitcoin-regtest", None, 0, 0)


@pytest.fixture(params=["with a blueprint", "without"])
def home(request, tmp_path):
    # An officer's home: the whole installation, or a keystore alone.
    made = Home(tmp_path / "home")
    made.folder.mkdir()
    write_new_private(made.passphrase, b"correct horse battery")
    create_holder(made.keystore("ann"), Secret(b"correct horse battery"))
    if request.param != "without":
        save_blueprint(made.blueprint, Blueprint("local", "example", (), "gas", 0, (), (), (), (BTC,), ()))
    return made


def plan_of(vault, intent=None):
    return ColdPlan(vault.request(intent, approvals=()).request, b"plan")


def forged(plan, amount, **labels):
    fields = json.loads(plan.raw)
    fields["request"]["intents"][0][amount].update(labels)
    return canonical_json(fields)


def approve(home, raw):
    plan, vote = home.folder / "plan.json", home.folder / "vote.json"
    plan.write_bytes(raw)
    arguments = ["cold-approve", plan, "--as", "ann", "--out", vote, "--home", home.folder]
    return CliRunner().invoke(app, [str(each) for each in arguments]), vote


# C18: the hash covers key and units only, so that the approval of what was not shown would count for the honest plan.
@pytest.mark.parametrize("amount", ["amount", "fee_max"])
@pytest.mark.parametrize("label", [{"decimals": 16}, {"decimals": 0}, {"symbol": "DUST"}])
def test_c18_a_plan_that_renames_an_asset_or_moves_the_point_is_not_approved(home, tmp_path, amount, label):
    honest = plan_of(Vault(tmp_path, Utxo))
    raw = forged(honest, amount, **label)
    assert intent_hash(decode_cold_plan(raw).intent) == intent_hash(honest.intent)
    result, vote = approve(home, raw)
    assert isinstance(result.exception, LabelDiffers)
    assert (vote.exists(), result.stdout) == (False, "")


def test_c18_a_plan_of_an_asset_that_nobody_knows_is_not_approved(home, tmp_path):
    raw = forged(plan_of(Vault(tmp_path, Utxo)), "amount", contract="0xA")
    result, vote = approve(home, raw)
    assert isinstance(result.exception, UnknownAsset)
    assert not vote.exists()


def test_an_officer_sees_units_key_memo_wallet_and_id(home, tmp_path):
    vault = Vault(tmp_path, Utxo)
    plain, memo = plan_of(vault), ColdPlan(vault.request(vault.intent(memo="7\x1b[2J"), payload=b"x").request, b"plan")
    result, vote = approve(home, plain.raw)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[:7] == [
        "pays         40000 base units of bitcoin-regtest/native, 0.00040000 BTC",
        f"to           {vault.family.to}",
        "no memo",
        "fee          at most 20000 base units of bitcoin-regtest/native, 0.00020000 BTC",
        "wallet       cold",
        "id           refill-1",
        f"intent       {intent_hash(plain.intent).hex()}",
    ]
    assert read_approval(vote).intent_hash == intent_hash(plain.intent)
    assert "memo         7?[2J" in approve(home, memo.raw)[0].stdout.splitlines()


def test_the_coin_of_every_network_is_known():
    assert set(NATIVES) == set(CHAINS)
    assert all(asset.chain == chain and asset.contract is None for chain, asset in NATIVES.items())


# C18: mext cold verify knows no asset, so it repeats no name and no point of the file.
def test_c18_verify_shows_nothing_that_the_hash_does_not_cover(tmp_path):
    request = Vault(tmp_path, Xrpl).request()
    honest = describe(request.raw)
    fields = json.loads(request.raw)
    fields["request"]["intents"][0]["amount"].update(symbol="BTC", decimals=16)
    renamed = canonical_json(fields)
    assert decode_request_file(renamed).digest != request.digest
    assert describe(renamed) == honest
    assert honest[2:] == [f"asks         1000000 base units of xrpl-local/native to {Xrpl.to}", "memo         777"]
    (tmp_path / "other").mkdir()
    assert describe(Vault(tmp_path / "other", Utxo).request().raw)[3] == "no memo"


# C18: cold pays the shared hot account; a quorum approved a customer's tag that no officer was told of.
@pytest.mark.parametrize(("registered", "memo"), [("", "777"), ("198", "777"), ("198", ""), ("777", "0")])
def test_c18_a_memo_that_the_place_does_not_name_is_refused(tmp_path, registered, memo):
    vault = Vault(tmp_path, Xrpl)
    write_places(vault.homes[0], {"cold": {Xrpl.to: Place("hot", "hot", registered)}})
    vault.homes[0].write_seal(SEEDS[0])
    request = vault.request(vault.intent(memo=memo))
    with pytest.raises(MemoRefused):
        vault.sign(0, request)
    assert vault.homes[0].last_sequence("cold") == 0


def test_a_memo_is_typed_whole_and_only_where_there_is_one(tmp_path):
    vault = Vault(tmp_path, Xrpl)
    request, asked = vault.request(), []
    for memo in ("", "77", "7777", "198"):
        with pytest.raises(NotConfirmed, match="the whole memo"):
            vault.sign(0, request, answers(request, memo=memo))
    honest = answers(request)
    assert vault.sign(0, request, lambda text: asked.append(text) or honest(text)).signatures
    assert [text for text in asked if "memo" in text] == ["payment 1: the whole memo, every character"]
    (tmp_path / "other").mkdir()
    other = Vault(tmp_path / "other", Utxo)
    asked.clear()
    request = other.request()
    honest = answers(request)
    assert other.sign(0, request, lambda text: asked.append(text) or honest(text)).signatures
    assert not [text for text in asked if "memo" in text]
    room = other.room(0)
    assert "  no memo" in show(request, room.inspect(request), room.rules)


def test_a_place_keeps_its_memo_in_both_files(tmp_path):
    vault = Vault(tmp_path, Xrpl)
    assert vault.homes[0].load_places() == {"cold": {Xrpl.to: Place("warm", "warm", "777")}}
    told = WalletsFile((ToldWallet({"id": "cold"}, {"cold-1": Xrpl.path}, vault.places),))
    assert decode_wallets(told.raw) == told
    assert describe(told.raw)[1] == f"cold         may pay warm, warm: {Xrpl.to} with memo 777"


def test_a_local_xrpl_hot_account_is_paid_under_the_tag_of_the_house():
    keys = [Key(f"cold/{number}").public for number in range(3)]
    members = tuple(MemberSpec(f"m-{n}", Xrpl.path, key.raw.hex()) for n, key in enumerate(keys))
    service = {"account": Key("master").public.raw.hex()}
    cold, hot = (WalletSpec(f"{tier}-xrp", tier, "xrpl-local", 2, members, service) for tier in ("cold", "hot"))
    (place,) = places_of(cold, [cold, hot]).values()
    assert place == Place("hot-xrp", "hot", str(tag_of(0)))

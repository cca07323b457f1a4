import json

import pytest
from simulators.frost import FrostHouse, path_of
from simulators.signer_kit import WORDS, rules_json, wallet_json
from simulators.toy_family import MEMBER_PATH

from custody.keys.hd import PrivateNode
from custody.keys.keystore import KeystoreSealBroken
from custody.keys.material import Curve, SigningRole
from custody.keys.mnemonic import InvalidMnemonic, to_seed
from custody.keys.xkeys import KeyNetwork, decode_xpub
from custody.primitives.clock import FixedClock
from custody.primitives.errors import Conflict, InvalidInput, MalformedPayload, NotFound, StaleState
from custody.primitives.secret import Secret
from custody.signers.home import SignerHome
from custody.signers.provision import create_home, export_public, register_wallet, replace_rules, store_share
from custody.signers.service import SignerService
from exchange.app.frost_ceremony import share_path

PASSPHRASE = Secret(b"correct horse battery staple")
CHEAP = {"unsafe_scrypt_n_for_tests": 16}


@pytest.fixture
def home(tmp_path):
    create_home(tmp_path / "alice", PASSPHRASE, rules_json(), WORDS, **CHEAP)
    return tmp_path / "alice"


def test_malformed_rules_or_words_write_nothing(tmp_path):
    with pytest.raises(MalformedPayload):
        create_home(tmp_path / "x", PASSPHRASE, {"format": "?"}, WORDS, **CHEAP)
    with pytest.raises(InvalidMnemonic):
        create_home(tmp_path / "x", PASSPHRASE, rules_json(), Secret(b"no words"), **CHEAP)
    assert not (tmp_path / "x").exists()


def test_a_home_is_never_made_twice(home):
    before = (home / "keystore.json").read_bytes()
    with pytest.raises(Conflict):
        create_home(home, PASSPHRASE, rules_json(), None, **CHEAP)
    assert (home / "keystore.json").read_bytes() == before


def test_a_wallet_is_never_registered_twice(home):
    register_wallet(
        home, {"id": "hot", "family": "toy", "chain": "toy-local"}, {"member": MEMBER_PATH}, [SigningRole.MEMBER]
    )
    with pytest.raises(Conflict):
        register_wallet(
            home, {"id": "hot", "family": "evm", "chain": "other"}, {"member": "m/0h"}, [SigningRole.MEMBER]
        )
    assert SignerHome(home).load_wallets()[0].family == "toy"


@pytest.mark.parametrize("wallet_id", ["", ".", "..", "../x", "a/b", "a\x00", "a" * 65, ".hidden", "-rf", "ä"])
def test_a_wallet_id_cannot_leave_the_folder(home, wallet_id):
    with pytest.raises(InvalidInput):
        register_wallet(
            home, {"id": wallet_id, "family": "toy", "chain": "c"}, {"member": MEMBER_PATH}, [SigningRole.MEMBER]
        )


def test_a_registration_under_another_name_is_refused(home):
    register_wallet(home, wallet_json(), {"member": MEMBER_PATH}, [SigningRole.MEMBER])
    (home / "wallets" / "hot.json").rename(home / "wallets" / "cold.json")
    with pytest.raises(InvalidInput, match="registers wallet"):
        SignerHome(home).load_wallets()


@pytest.mark.parametrize("version", [0, 1])
def test_rules_never_go_back(home, version):
    with pytest.raises(InvalidInput if version == 0 else StaleState):
        replace_rules(home, rules_json(version=version, frozen=True))
    assert SignerHome(home).load_rules().frozen is False
    replace_rules(home, rules_json(version=2, frozen=True))
    assert SignerHome(home).load_rules().frozen is True


def test_a_key_share_is_sealed_for_one_wallet_and_one_seed_and_never_overwritten(tmp_path):
    create_home(tmp_path / "alice", PASSPHRASE, rules_json(), WORDS)
    share, other = (Secret(bytes([number]) + bytes(31)) for number in (5, 6))
    with pytest.raises(MalformedPayload):
        store_share(tmp_path / "alice", PASSPHRASE, "hot", Secret(bytes(32)))
    store_share(tmp_path / "alice", PASSPHRASE, "hot", share)
    with pytest.raises(Conflict):
        store_share(tmp_path / "alice", PASSPHRASE, "hot", other)
    home = SignerHome(tmp_path / "alice")
    home.share("hot").with_name("cold.json").write_bytes(home.share("hot").read_bytes())
    home.share("cold").chmod(0o600)
    seed = home.load_seed(PASSPHRASE)
    for wallet_id, wrong in (("cold", seed), ("hot", Secret(bytes(64)))):
        with pytest.raises(KeystoreSealBroken):
            home.load_share(wallet_id, wrong)
    with pytest.raises(NotFound):
        home.load_share("warm", seed)
    with pytest.raises(InvalidInput):
        home.load_share("../keystore", seed)
    assert share.reveal().hex() not in home.share("hot").read_text()
    assert home.share("hot").stat().st_mode & 0o777 == 0o600
    assert home.load_share("hot", seed) == share


def test_exporting_needs_the_passphrase_and_a_home(home, tmp_path):
    with pytest.raises(KeystoreSealBroken):
        export_public(home, Secret(b"another passphrase"), {}, KeyNetwork.MAIN, **CHEAP)
    with pytest.raises(NotFound):
        export_public(tmp_path / "nobody", PASSPHRASE, {}, KeyNetwork.MAIN, **CHEAP)


def test_a_cheap_keystore_of_tests_is_refused_for_real(home):
    with pytest.raises(MalformedPayload):
        SignerHome(home).load_seed(PASSPHRASE)


def test_public_material_is_what_others_derive(home):
    public = export_public(
        home,
        PASSPHRASE,
        {"m/48'/1'/0'/2'": Curve.SECP256K1, "m/44h/501h/0h/0h": Curve.ED25519},
        KeyNetwork.TEST,
        **CHEAP,
    )
    root = PrivateNode.from_seed(to_seed(WORDS, Secret(b"")))
    assert (public["name"], public["fingerprint"]) == ("alice", root.public().fingerprint().hex())
    entry = public["keys"]["m/48h/1h/0h/2h"]
    assert decode_xpub(entry["xpub"]) == (KeyNetwork.TEST, root.derive("m/48h/1h/0h/2h").public())
    assert entry["public_key"] == root.derive("m/48h/1h/0h/2h").public().key.hex()
    assert set(public["keys"]["m/44h/501h/0h/0h"]) == {"curve", "public_key"}
    assert WORDS.reveal().decode().split()[0] not in json.dumps(public)


def test_new_homes_have_different_keys(tmp_path):
    fingerprints = set()
    for name in ("a", "b"):
        create_home(tmp_path / name, PASSPHRASE, rules_json(), None, **CHEAP)
        fingerprints.add(export_public(tmp_path / name, PASSPHRASE, {}, KeyNetwork.MAIN, **CHEAP)["fingerprint"])
    assert len(fingerprints) == 2


def test_one_signer_serves_two_groups_with_a_share_each(tmp_path):
    create_home(tmp_path / "alice", PASSPHRASE, rules_json(), WORDS)
    home = SignerHome(tmp_path / "alice")
    expected = {}
    for wallet_id in ("hot-1", "hot-2"):
        house = FrostHouse(wallet_id, tmp_path)
        path = share_path(wallet_id, 1)
        registration = house.wallet.registration()
        registration["members"][0]["path"] = path
        store_share(home.folder, PASSPHRASE, wallet_id, house.shares[1])
        register_wallet(home.folder, registration, {"member": path}, [SigningRole.MEMBER])
        expected[wallet_id] = house.wallet.verifying[1]
    service = SignerService.open(home, home.load_seed(PASSPHRASE), FixedClock(0))
    for wallet_id, key in expected.items():
        answer = service.answer({"op": "public_keys", "chain": "solana-local", "wallet_id": wallet_id})
        assert answer["result"]["keys"] == [{"curve": "ed25519", "raw": key.raw.hex()}]


def test_a_signer_without_its_share_does_not_start(tmp_path):
    create_home(tmp_path / "alice", PASSPHRASE, rules_json(), WORDS)
    registration = FrostHouse("hot", tmp_path).wallet.registration()
    register_wallet(tmp_path / "alice", registration, {"member": path_of(1)}, [SigningRole.MEMBER])
    home = SignerHome(tmp_path / "alice")
    with pytest.raises(NotFound):
        SignerService.open(home, home.load_seed(PASSPHRASE), FixedClock(0))


def test_a_signer_with_the_share_of_another_member_does_not_start(tmp_path):
    create_home(tmp_path / "alice", PASSPHRASE, rules_json(), WORDS)
    house = FrostHouse("hot", tmp_path)
    store_share(tmp_path / "alice", PASSPHRASE, "hot", house.shares[2])
    register_wallet(tmp_path / "alice", house.wallet.registration(), {"member": path_of(1)}, [SigningRole.MEMBER])
    home = SignerHome(tmp_path / "alice")
    with pytest.raises(InvalidInput, match="key shares"):
        SignerService.open(home, home.load_seed(PASSPHRASE), FixedClock(0))

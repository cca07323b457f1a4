import json

import pytest

from custody.primitives.errors import NotFound
from exchange.app.blueprint import (
    AssetSpec,
    Blueprint,
    ChainSpec,
    InvalidBlueprint,
    MarketSpec,
    MemberSpec,
    StaffSpec,
    WalletSpec,
    load_blueprint,
    save_blueprint,
)

BLUEPRINT = Blueprint(
    label="local",
    exchange="example",
    signers=("anna", "bert"),
    sender="gas",
    solana_deposits=32,
    staff=(StaffSpec("ann", "ab" * 32, "Ann", "House"),),
    chains=(ChainSpec("bitcoin-regtest", "node", "http://127.0.0.1:1", "/cookie"), ChainSpec("sim", "simulator", "x")),
    wallets=(
        WalletSpec("hot-btc", "hot", "bitcoin-regtest", 2, (MemberSpec("anna", "m/48h", "xpub"),), {"opener": "ab"}),
    ),
    assets=(AssetSpec("BTC", 8, "bitcoin-regtest", None, 0, 0), AssetSpec("NEW", 18, "ethereum-local", "0xA", 3, 10)),
    markets=(MarketSpec("NEW/BTC", 1, "NEW", "BTC", "0.01", "1", "0.01", by_vote=True),),
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "blueprint.json"


@pytest.fixture
def raw(path):
    save_blueprint(path, BLUEPRINT)
    return json.loads(path.read_text())


def refuse(path, raw):
    path.write_text(json.dumps(raw))
    with pytest.raises(InvalidBlueprint) as refused:
        load_blueprint(path)
    return str(refused.value)


def test_an_empty_home_says_what_to_run(path):
    with pytest.raises(NotFound, match="nothing is provisioned here"):
        load_blueprint(path)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff\xfe", b"[]", b"null", b'"text"', b"{}", b'{"format": "other/1"}']
)
def test_refuses_what_is_no_blueprint(path, content):
    path.write_bytes(content)
    with pytest.raises(InvalidBlueprint):
        load_blueprint(path)


@pytest.mark.parametrize("name", ["mext/blueprint/2", "mext/blueprint/1 ", None, 1])
def test_refuses_another_format(path, raw, name):
    assert "not mext/blueprint/1" in refuse(path, raw | {"format": name})


@pytest.mark.parametrize("name", list(Blueprint.__dataclass_fields__))
def test_refuses_a_missing_field(path, raw, name):
    del raw[name]
    assert name in refuse(path, raw)


def test_refuses_an_unknown_field(path, raw):
    assert "surprise" in refuse(path, raw | {"surprise": 1})


@pytest.mark.parametrize("place", ["staff", "chains", "wallets", "assets", "markets"])
def test_refuses_unknown_and_missing_fields_of_every_part(path, raw, place):
    first = raw[place][0]
    name = next(iter(first))
    raw[place][0] = first | {"surprise": 1}
    assert "surprise" in refuse(path, raw)
    raw[place][0] = {key: value for key, value in first.items() if key != name}
    assert name in refuse(path, raw)


def test_refuses_unknown_and_missing_fields_of_a_wallet_member(path, raw):
    member = raw["wallets"][0]["members"][0]
    raw["wallets"][0]["members"][0] = member | {"secret": "x"}
    assert "secret" in refuse(path, raw)
    raw["wallets"][0]["members"][0] = {"signer": "anna"}
    assert "path" in refuse(path, raw)


@pytest.mark.parametrize(
    ("place", "field", "value"),
    [
        (None, "label", 1),
        (None, "solana_deposits", "32"),
        (None, "solana_deposits", True),
        (None, "solana_deposits", 1.5),
        (None, "signers", "anna"),
        (None, "signers", [1]),
        (None, "staff", {"ann": 1}),
        (None, "chains", None),
        ("wallets", "threshold", "2"),
        ("wallets", "threshold", 2.0),
        ("wallets", "members", "anna"),
        ("wallets", "service", ["opener"]),
        ("wallets", "service", {"opener": 1}),
        ("assets", "decimals", True),
        ("assets", "contract", 7),
        ("assets", "number", None),
        ("markets", "tick", 0.01),
        ("markets", "by_vote", 1),
        ("staff", "key", None),
        ("chains", "url", ["x"]),
    ],
)
def test_refuses_a_value_of_another_type(path, raw, place, field, value):
    if place is None:
        raw[field] = value
    else:
        raw[place][0][field] = value
    refuse(path, raw)


def test_a_chain_that_is_not_there_is_named():
    with pytest.raises(InvalidBlueprint, match="no chain 'dogecoin'"):
        BLUEPRINT.chain("dogecoin")
    assert BLUEPRINT.chain("sim").evidence == "simulator"


def test_what_was_saved_is_read_back(path, raw):
    assert load_blueprint(path) == BLUEPRINT


def test_optional_fields_have_their_defaults(path, raw):
    del raw["chains"][0]["cookie"], raw["markets"][0]["by_vote"], raw["wallets"][0]["service"]
    path.write_text(json.dumps(raw))
    found = load_blueprint(path)
    assert (found.chains[0].cookie, found.markets[0].by_vote, found.wallets[0].service) == ("", False, {})

import pytest
from simulators.anvil import DEPOSIT_PATH, OWNER_PATH, OWNERS, SENDER, SENDER_PATH, STATION_PATH

from custody.chains.token_worth import TokenWorth
from custody.primitives.errors import InvalidInput
from exchange.app.blueprint import InvalidBlueprint, MemberSpec, WalletSpec
from exchange.app.wallets import safe_wallet, token_worths

USDT = "0xdAC17F958D2ee523a2206206994597C13D831ec7"
DAI = "0x6B175474E89094C44Da98b954EedeAC495271d0F"


def spec(tokens="", **service):
    members = tuple(
        MemberSpec(f"signer-{n}", OWNER_PATH, owner.key(OWNER_PATH).raw.hex()) for n, owner in enumerate(OWNERS)
    )
    service = {
        "salt_nonce": "0",
        "sender": SENDER.key(SENDER_PATH).raw.hex(),
        "gas_station": SENDER.key(STATION_PATH).raw.hex(),
        "deposit_path": DEPOSIT_PATH,
        "deposit_xpub": SENDER.xpub(DEPOSIT_PATH),
        "tokens": tokens,
    } | service
    return WalletSpec("hot-eth", "hot", "base-local", 2, members, service)


@pytest.mark.parametrize(
    "text", ["USDT", f"USDT:x:{USDT}", f"USDT:6:{USDT}:1", f"USDT:6:{USDT}:1=2=3", f"USDT:6:{USDT}:1=a"]
)
def test_refuses_what_is_no_token(text):
    with pytest.raises(InvalidBlueprint, match="hot-eth"):
        safe_wallet(spec(text))


@pytest.mark.parametrize("text", [f"USDT:6:{USDT.lower()}", f"USDT:6:{USDT}:0=1", f"USDT:99:{USDT}"])
def test_refuses_tokens_that_cannot_be(text):
    with pytest.raises(InvalidInput):
        safe_wallet(spec(text))


def test_refuses_a_station_that_has_another_use():
    for used in (SENDER.key(SENDER_PATH), OWNERS[0].key(OWNER_PATH), SENDER.key(f"{DEPOSIT_PATH}/0/0")):
        with pytest.raises(InvalidInput, match="gas station"):
            safe_wallet(spec(gas_station=used.raw.hex()))


def test_reads_tokens_with_and_without_a_worth():
    made = spec(f"USDT:6:{USDT}:1000000=400000000000000,DAI:18:{DAI}")
    wallet = safe_wallet(made)
    assert [(token.symbol, token.decimals, token.contract) for token in wallet.tokens] == [
        ("USDT", 6, USDT),
        ("DAI", 18, DAI),
    ]
    assert token_worths(made) == {f"base-local/{USDT}": TokenWorth(10**6, 4 * 10**14)}
    assert wallet.registration()["gas_station"] == wallet.station_address

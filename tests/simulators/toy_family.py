"""A made-up chain family for tests of the signer: its payload is JSON that says what it does."""

import hashlib
import json
from dataclasses import replace

from custody.chains.utxo.params import BITCOIN_REGTEST
from custody.keys import ecdsa
from custody.keys.material import Curve, SigningRole
from custody.keys.signing_key import UnsealedKey
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.asset import Asset
from custody.primitives.chain import ChainId
from custody.primitives.errors import MalformedPayload
from custody.primitives.intent import TransferSummary
from custody.primitives.secret import Secret
from custody.signers.port import ToSign, Understood
from custody.signers.registry import BITCOIN_SCHEME, ED25519_SCHEME, FAMILIES, RECOVERABLE_SCHEME, SignerFamily

CHAIN = ChainId("toy-local")
COIN = Asset("TOY", 8, CHAIN)
TOKEN = Asset("TOK", 6, CHAIN, "token-contract")
ASSETS = {asset.key: asset for asset in (COIN, TOKEN)}
MEMBER_PATH = "m/48h/9h/0h/2h"
SENDER_PATH = "m/44h/9h/0h/0/0"


def pay(*payments, fee=10, key="toy:1", paths=None, salt=0, fee_asset=COIN.key):
    """A payload paying (text, units[, asset key])."""
    to = [[text, str(units), *(rest or [COIN.key])] for text, units, *rest in payments]
    return json.dumps(
        {"to": to, "fee": str(fee), "fee_asset": fee_asset, "key": key, "paths": paths, "salt": salt}
    ).encode()


class ToyDecoder:
    caip2, holds_accounts = BITCOIN_REGTEST.chain.caip2, False

    def __init__(self, registration, our_keys):
        assert registration["family"].startswith("toy")
        self.registration, self.our_keys = registration, our_keys

    def understand(self, payload, role):
        try:
            tx = json.loads(payload)
        except ValueError as error:
            raise MalformedPayload("toy: not JSON") from error
        chain = ChainId(tx.get("chain", self.registration["chain"]))
        to = tuple(
            (Address(chain, text), Amount(int(units), ASSETS.get(asset, COIN))) for text, units, asset in tx["to"]
        )
        default = [f"{MEMBER_PATH}/0/5"] if role is SigningRole.MEMBER else [SENDER_PATH]
        default = default if self.registration["family"] != "toy-ed25519" else ["m/44h/9h/0h/0h"]
        message = hashlib.sha256(payload).digest()
        to_sign = tuple(
            ToSign(index, path, hashlib.sha256(message + bytes([index])).digest())
            for index, path in enumerate(tx["paths"] or default)
        )
        if tx["paths"] == []:
            to_sign = ()
        fee = Amount(int(tx["fee"]), ASSETS[tx["fee_asset"]])
        return Understood(TransferSummary(to, (), fee), tx["key"], to_sign)


OTHER_KEY = UnsealedKey.of(Secret(bytes(31) + b"\x01"), Curve.SECP256K1)


def lying(scheme, sign):
    """The same scheme with a broken signing device."""
    return replace(scheme, sign=sign)


def high_s(key, digest):
    r, s = ecdsa.parse_der(BITCOIN_SCHEME.sign(key, digest)[:-1])
    return ecdsa.encode_der(r, ecdsa.CURVE_ORDER - s) + b"\x01"


TOY_FAMILIES = {
    **FAMILIES,
    "toy": SignerFamily(lambda: ToyDecoder, BITCOIN_SCHEME),
    "toy-evm": SignerFamily(lambda: ToyDecoder, RECOVERABLE_SCHEME),
    "toy-ed25519": SignerFamily(lambda: ToyDecoder, ED25519_SCHEME),
    "toy-high-s": SignerFamily(lambda: ToyDecoder, lying(BITCOIN_SCHEME, high_s)),
    "toy-garbage": SignerFamily(lambda: ToyDecoder, lying(BITCOIN_SCHEME, lambda key, digest: b"\x30\x01")),
    "toy-wrong-key": SignerFamily(
        lambda: ToyDecoder,
        lying(BITCOIN_SCHEME, lambda key, digest: BITCOIN_SCHEME.sign(OTHER_KEY, digest)),
    ),
}

"""Local nodes of the UTXO family for tests, and signers in one process that hold their own keys and decoder.

Bitcoin Knots and Litecoin Core are real nodes; Dogecoin's is a simulator. The signers are simulators: no memory,
no limits, no approvals.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from embit.script import Script
from embit.transaction import Transaction, TransactionInput, TransactionOutput

from custody.chains.utxo.address import address_of_script
from custody.chains.utxo.broadcaster import UtxoBroadcaster
from custody.chains.utxo.codec import UtxoCodec
from custody.chains.utxo.coins import Coin, Coins, UtxoPlan
from custody.chains.utxo.params import BITCOIN_REGTEST, DOGECOIN_REGTEST, LITECOIN_REGTEST, UtxoParams
from custody.chains.utxo.reader import UtxoReader
from custody.chains.utxo.wallet import KeyOrigin, UtxoWallet
from custody.devnet.dogecoin_node import DogecoinSimulator
from custody.devnet.knots import KNOTS, KnotsNode
from custody.devnet.litecoin import LITECOIN, LitecoinNode
from custody.keys.ecdsa import sign_der
from custody.keys.hd import PrivateNode
from custody.keys.material import PublicKey, Signature, SigningRole
from custody.keys.paths import format_path
from custody.keys.xkeys import encode_xpub
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.ids import WithdrawalId
from custody.primitives.intent import TransferIntent
from custody.primitives.secret import Secret
from custody.signers.decoders.utxo import UtxoDecoder

SIGHASH_ALL = b"\x01"

LocalNode = KnotsNode | LitecoinNode | DogecoinSimulator


@dataclass(frozen=True)
class Member:
    root: PrivateNode
    params: UtxoParams

    @property
    def path(self) -> str:
        return self.params.account_path

    @property
    def account_key(self) -> PublicKey:
        return self.root.derive(self.path).public().public_key()

    @property
    def origin(self) -> KeyOrigin:
        xpub = encode_xpub(self.root.derive(self.path).public(), self.params.key_network)
        return KeyOrigin.parse(f"[{self.root.public().fingerprint().hex()}{self.path[1:]}]{xpub}")

    def decoder(self, wallet: UtxoWallet) -> UtxoDecoder:
        return UtxoDecoder(wallet.registration(), {self.path: self.account_key})

    def sign(self, wallet: UtxoWallet, payload: bytes) -> tuple[Signature, ...]:
        understood = self.decoder(wallet).understand(payload, SigningRole.MEMBER)
        return tuple(self.sign_digest(each.path, each.index, each.message) for each in understood.to_sign)

    def sign_digest(self, path: str, index: int, digest: bytes) -> Signature:
        leaf = self.root.derive(path)
        return Signature(leaf.public().public_key(), index, sign_der(leaf.key, digest) + SIGHASH_ALL)

    def sign_plan(self, wallet: UtxoWallet, plan: UtxoPlan, digests: tuple[bytes, ...]) -> tuple[Signature, ...]:
        steps = self.origin.path
        return tuple(
            self.sign_digest(format_path((*steps, coin.branch, coin.index)), number, digest)
            for number, (coin, digest) in enumerate(zip(plan.inputs, digests, strict=True))
        )


def make_members(name: str, count: int, params: UtxoParams = BITCOIN_REGTEST) -> tuple[Member, ...]:
    seeds = (hashlib.sha256(f"{name}/{number}".encode()).digest() for number in range(count))
    return tuple(Member(PrivateNode.from_seed(Secret(seed)), params) for seed in seeds)


def make_wallet(
    name: str, threshold: int, count: int, params: UtxoParams = BITCOIN_REGTEST, window: int = 50
) -> tuple[UtxoWallet, tuple[Member, ...]]:
    members = make_members(name, count, params)
    return UtxoWallet(name, params, threshold, tuple(m.origin for m in members), window), members


def make_intent(
    to: Address | str,
    units: int,
    *,
    fee_max: int = 100_000,
    name: str = "w-1",
    params: UtxoParams = BITCOIN_REGTEST,
) -> TransferIntent:
    asset = params.asset
    address = to if isinstance(to, Address) else Address(params.chain.id, to)
    return TransferIntent(
        withdrawal_id=WithdrawalId(name),
        to=address,
        amount=Amount(units, asset),
        fee_max=Amount(fee_max, asset),
        memo="",
        policy_version=1,
        salt="00" * 16,
        expires_at_s=2_000_000_000,
    )


def make_coin(wallet: UtxoWallet, value_sat: int, *, place: tuple[int, int] = (0, 0), salt: int = 0) -> Coin:
    """A coin of the wallet with a previous transaction that really holds it; no node knows it."""
    source = TransactionInput(hashlib.sha256(f"source {salt}".encode()).digest(), 0)
    other = TransactionOutput(7_777, Script(bytes.fromhex("0014") + bytes(20)))
    held = TransactionOutput(value_sat, Script(wallet.script_pubkey(*place)))
    previous = Transaction(version=2, vin=[source], vout=[other, held], locktime=0)
    return Coin(previous.txid().hex(), 1, value_sat, *place, previous.serialize())


def make_coins(wallet: UtxoWallet, *values_sat: int, rate: int = 2_000, change_index: int = 3) -> Coins:
    coins = (make_coin(wallet, value, place=(0, i), salt=i) for i, value in enumerate(values_sat))
    return Coins(tuple(coins), rate, change_index)


@dataclass(frozen=True)
class LiveWallet:
    """One wallet on a running node, with everything bound to it."""

    bitcoin: LocalNode
    wallet: UtxoWallet
    members: tuple[Member, ...]

    @classmethod
    def open(
        cls, bitcoin: LocalNode, name: str, threshold: int = 2, count: int = 3, params: UtxoParams = BITCOIN_REGTEST
    ) -> LiveWallet:
        wallet, members = make_wallet(f"{name}-{os.urandom(4).hex()}", threshold, count, params)
        return cls(bitcoin, wallet, members)

    @property
    def codec(self) -> UtxoCodec:
        return UtxoCodec(self.wallet)

    @property
    def reader(self) -> UtxoReader:
        return UtxoReader.connect(self.wallet, self.bitcoin.node)

    @property
    def broadcaster(self) -> UtxoBroadcaster:
        return UtxoBroadcaster(self.wallet.params, self.bitcoin.node)

    def fund(self, *values_sat: int) -> None:
        self.bitcoin.fund_many({self.wallet.address(0, i).text: value for i, value in enumerate(values_sat)})
        self.bitcoin.mine(self.wallet.params.chain.final_depth)

    def plan(self, *intents: TransferIntent) -> UtxoPlan:
        return self.codec.plan(intents, self.reader.spendable(frozenset()), ())

    def sign(self, plan: UtxoPlan, *who: int) -> tuple[Signature, ...]:
        payload = self.codec.encode(plan)
        return tuple(sig for number in who for sig in self.members[number].sign(self.wallet, payload))


def destination(bitcoin: KnotsNode, kind: str = "bech32") -> str:
    """A fresh address of somebody else."""
    return str(bitcoin.rpc.call("deriveaddresses", _foreign_descriptor(bitcoin, kind))[0])


def _foreign_descriptor(bitcoin: KnotsNode, kind: str) -> str:
    key = hashlib.sha256(os.urandom(16)).digest()
    public = PrivateNode.from_seed(Secret(key)).public().key.hex()
    form = {
        "bech32": f"wpkh({public})",
        "legacy": f"pkh({public})",
        "p2sh": f"sh(wpkh({public}))",
        "bech32m": f"tr({public[2:]})",
    }
    return str(bitcoin.rpc.call("getdescriptorinfo", form[kind])["descriptor"])


@pytest.fixture(scope="session")
def bitcoin_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KnotsNode]:
    """A running regtest node; skipped where none is installed."""
    with start_node(tmp_path_factory.mktemp("bitcoind")) as node:
        yield node


def start_node(folder: Path) -> KnotsNode:
    if KNOTS.find() is None:
        pytest.skip("no bitcoind here; python -m custody.devnet.knots install")
    return KnotsNode.start(folder)


@dataclass(frozen=True)
class Kind:
    """One network of the family, and how its local node is started.

    `unit` scales amounts: a thousand satoshi are nothing on a chain whose dust is a million.
    """

    name: str
    params: UtxoParams
    start: Callable[[Path], LocalNode]
    unit: int = 1

    def open(self, node: LocalNode, name: str, threshold: int = 2, count: int = 3) -> LiveWallet:
        return LiveWallet.open(node, name, threshold, count, self.params)

    def foreign(self, form: str = "p2sh") -> str:
        """A fresh address of somebody else."""
        program = os.urandom(32)
        script = {
            "p2pkh": b"\x76\xa9\x14" + program[:20] + b"\x88\xac",
            "p2sh": b"\xa9\x14" + program[:20] + b"\x87",
            "p2wpkh": b"\x00\x14" + program[:20],
            "p2wsh": b"\x00\x20" + program,
        }[form]
        return address_of_script(script, self.params).text

    def intent(self, units: int, form: str = "p2sh", *, to: str = "", name: str = "w-1", fee_max: int = 0):
        address = to or self.foreign(form)
        fee = fee_max or 400_000 * self.unit
        return make_intent(address, units * self.unit, fee_max=fee, name=name, params=self.params)


def start_litecoin(folder: Path) -> LitecoinNode:
    if LITECOIN.find() is None:
        pytest.skip("no litecoind here; python -m custody.devnet.litecoin install")
    return LitecoinNode.start(folder)


KINDS = (
    Kind("knots", BITCOIN_REGTEST, start_node),
    Kind("litecoind", LITECOIN_REGTEST, start_litecoin),
    Kind("dogecoin simulator", DOGECOIN_REGTEST, DogecoinSimulator.start, unit=100),
)


@pytest.fixture(scope="session", params=KINDS, ids=lambda kind: kind.name)
def utxo_node(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Kind, LocalNode]]:
    """Every kind in turn, running."""
    with request.param.start(tmp_path_factory.mktemp(request.param.params.asset.symbol)) as node:
        yield request.param, node

"""A local EVM chain with a deployed 2-of-3 Safe, its signers, and the wallet's codec and reader."""

import json
import subprocess
from collections.abc import Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from contracts import load_artifact
from custody.chains.evm.abi import transfer_call
from custody.chains.evm.broadcaster import EvmBroadcaster
from custody.chains.evm.codec import SafeCodec
from custody.chains.evm.deploy import deploy_on_devnet
from custody.chains.evm.deposit import DepositBranch
from custody.chains.evm.params import ETHEREUM_LOCAL, params_for
from custody.chains.evm.reader import SafeReader
from custody.chains.evm.trial import SafeTrial
from custody.chains.evm.wallet import Owner, SafeWallet
from custody.devnet.anvil import AnvilNode, find_anvil
from custody.keys.ecdsa import sign_recoverable
from custody.keys.hd import PrivateNode
from custody.keys.material import PublicKey, Signature, SigningRole
from custody.keys.xkeys import KeyNetwork, encode_xpub
from custody.primitives.amount import Amount
from custody.primitives.asset import Asset
from custody.primitives.ids import WithdrawalId
from custody.primitives.intent import TransferIntent
from custody.primitives.invariant import invariant
from custody.primitives.secret import Secret
from custody.signers.decoders.evm import EvmDecoder

ETH = ETHEREUM_LOCAL.native
OWNER_PATH = "m/44h/60h/0h/0/0"
SENDER_PATH = "m/44h/60h/9h/0/0"
STATION_PATH = "m/44h/60h/9h/0/1"
DEPOSIT_PATH = "m/44h/60h/0h"
GENEROUS_FEE_WEI = 10**17
CONTRACTS = Path(__file__).parent / "evm_contracts.sol"
COMPILE = """
const solc = require('solc');
const sources = {'t.sol': {content: require('fs').readFileSync(0, 'utf8')}};
const settings = {outputSelection: {'*': {'*': ['evm.bytecode.object']}}};
const out = JSON.parse(solc.compile(JSON.stringify({language: 'Solidity', sources, settings})));
if (!out.contracts) throw new Error(JSON.stringify(out.errors));
const named = Object.entries(out.contracts['t.sol']).map(([name, c]) => [name, c.evm.bytecode.object]);
process.stdout.write(JSON.stringify(Object.fromEntries(named)));
"""


class TestSigner:
    """A key holder that signs what its own decoder understood; it judges nothing, so it is no real signer."""

    __test__ = False

    def __init__(self, seed_byte: int) -> None:
        self.root = PrivateNode.from_seed(Secret(bytes([seed_byte]) * 32))

    def key(self, path: str) -> PublicKey:
        return self.root.derive(path).public().public_key()

    def xpub(self, path: str) -> str:
        return encode_xpub(self.root.derive(path).public(), KeyNetwork.MAIN)

    def decoder(self, registration, *paths: str) -> EvmDecoder:
        return EvmDecoder(registration, {path: self.key(path) for path in paths})

    def sign(self, decoder: EvmDecoder, payload: bytes, role: SigningRole) -> Signature:
        (item,) = decoder.understand(payload, role).to_sign
        node = self.root.derive(item.path)
        return Signature(node.public().public_key(), 0, sign_recoverable(node.key, item.message))


class AccountSigner:
    """Signs as sender, gas station and deposit accounts, like the sender's signer process."""

    name = "sender"

    def __init__(self, wallet: SafeWallet) -> None:
        self.decoder = SENDER.decoder(wallet.registration(), SENDER_PATH, DEPOSIT_PATH, STATION_PATH)

    def sign(self, request):
        assert not request.intents
        return (SENDER.sign(self.decoder, request.payload, request.role),)


OWNERS = tuple(TestSigner(number) for number in (1, 2, 3))
SENDER = TestSigner(4)


def make_wallet(params=ETHEREUM_LOCAL, *, tokens: tuple[Asset, ...] = (), salt_nonce: int = 0) -> SafeWallet:
    return SafeWallet(
        id="hot-eth",
        params=params,
        owners=tuple(Owner(OWNER_PATH, owner.key(OWNER_PATH)) for owner in OWNERS),
        threshold=2,
        salt_nonce=salt_nonce,
        sender=SENDER.key(SENDER_PATH),
        tokens=tokens,
        deposits=DepositBranch(DEPOSIT_PATH, SENDER.xpub(DEPOSIT_PATH), 1_000),
        station=SENDER.key(STATION_PATH),
    )


def make_intent(to: str, amount: Amount, *, name: str = "w1", fee_wei: int = GENEROUS_FEE_WEI, memo: str = ""):
    chain = amount.asset.chain
    from custody.primitives.address import Address  # noqa: PLC0415

    return TransferIntent(
        WithdrawalId(name),
        Address(chain, to),
        amount,
        Amount(fee_wei, params_for(chain).native),
        memo,
        1,
        "00" * 16,
        2_000_000_000,
    )


def sign_all(codec: SafeCodec, plan, members: Sequence[int] = (0, 1), sender_path=SENDER_PATH) -> list[Signature]:
    """Ask the signers round by round, each through its own decoder."""
    registration = codec.wallet.registration()
    waiting = [(OWNERS[place], OWNERS[place].decoder(registration, OWNER_PATH)) for place in members]
    gas_payer = SENDER.decoder(registration, sender_path, DEPOSIT_PATH)
    signatures: list[Signature] = []
    while (need := codec.next_need(plan, signatures)) is not None:
        signer, decoder = waiting.pop(0) if need.role is SigningRole.MEMBER else (SENDER, gas_payer)
        signatures.append(signer.sign(decoder, need.payload, need.role))
    return signatures


class EvmHouse:
    """Everything one test needs of a running chain."""

    def __init__(self, anvil: AnvilNode) -> None:
        self.anvil = anvil
        self.native = anvil.node.params.native
        supply = 10**24
        self.token = self._listed("MXT", anvil.create(dev_token_code("Listed token", "MXT", supply)))
        self.wallet = make_wallet(anvil.node.params, tokens=(self.token,))
        self.codec = SafeCodec(self.wallet)
        self.reader = SafeReader(self.wallet, anvil.node)
        self.broadcaster = EvmBroadcaster(anvil.node)
        self.trial = SafeTrial(self.wallet, anvil.node)
        deploy_on_devnet(anvil.node, self.wallet)
        anvil.fund(self.wallet.safe, 10**19)
        anvil.fund(self.wallet.sender_address, 10**19)
        anvil.fund(self.wallet.station_address, 10**19)
        anvil.send(self.token.contract, transfer_call(self.wallet.safe, 10**21))

    def _listed(self, symbol: str, contract: str) -> Asset:
        return Asset(symbol, 18, self.native.chain, contract)

    def list_token(self, symbol: str, contract: str) -> tuple[Asset, SafeReader]:
        """A further token, and a reader that lists it."""
        asset = self._listed(symbol, contract)
        return asset, SafeReader(make_wallet(tokens=(self.token, asset)), self.anvil.node)

    def plan(self, *intents, reserved=frozenset()):
        return self.codec.plan(intents, self.reader.spendable(reserved))

    def sign(self, plan, members=(0, 1)):
        return self.codec.assemble(plan, sign_all(self.codec, plan, members))

    def pay(self, *intents):
        """Plan, sign, send and mine."""
        signed = self.sign(self.plan(*intents))
        self.broadcaster.broadcast(signed)
        self.wait(signed.txid)
        return signed

    def wait(self, txid: str):
        while (receipt := self.anvil.node.receipt(txid)) is None:
            pass
        return receipt

    def block_of(self, txid: str):
        return self.reader.block_at(self.wait(txid).height)

    def finality(self, signed):
        return self.reader.finality(signed.txid, signed.conflict_key)

    def wei(self, address: str) -> int:
        return self.anvil.node.balance(address, self.native)

    def tokens(self, address: str) -> int:
        return self.anvil.node.balance(address, self.token)

    @contextmanager
    def undone(self):
        """What happens inside is taken back."""
        with taken_back(self.anvil):
            yield self


@contextmanager
def mined_by_hand(anvil: AnvilNode):
    """Blocks come only when asked for; what still waits at the end is dropped.

    A waiting transaction would else be mined some time after automatic mining is on again, perhaps in another test.
    """
    anvil.rpc.call("evm_setAutomine", False)
    try:
        yield
    finally:
        anvil.rpc.call("anvil_dropAllTransactions")
        anvil.rpc.call("evm_setAutomine", True)


@contextmanager
def taken_back(anvil: AnvilNode):
    """What happens inside is undone, in blocks and among the waiting transactions."""
    snapshot = anvil.rpc.call("evm_snapshot")
    try:
        yield
    finally:
        with mined_by_hand(anvil):
            reverted = anvil.rpc.call("evm_revert", snapshot)
        invariant(reverted is True, f"the node took snapshot {snapshot} back")


@contextmanager
def running_house(folder: Path, params=ETHEREUM_LOCAL):
    """A node, the Safe contracts, a token and a funded wallet."""
    import pytest  # noqa: PLC0415 - only to skip

    if find_anvil() is None:
        pytest.skip("no anvil here: run npm ci")
    with AnvilNode.start(folder, params) as anvil:
        yield EvmHouse(anvil)


def dev_token_code(name: str, symbol: str, supply: int) -> bytes:
    """Creation code of the development token with its arguments."""

    def padded(text: str) -> bytes:
        raw = text.encode()
        return len(raw).to_bytes(32, "big") + raw.ljust(32, b"\0")

    heads = b"".join(number.to_bytes(32, "big") for number in (96, 160, supply))
    code = load_artifact("DevToken").bytecode
    raw = code if isinstance(code, bytes) else bytes.fromhex(code.removeprefix("0x"))
    return raw + heads + padded(name) + padded(symbol)


@cache
def compiled() -> dict[str, bytes]:
    """Creation code of the ill-behaved contracts, by name."""
    root = Path(__file__).resolve().parents[2]
    run = subprocess.run(
        ["node", "-e", COMPILE], input=CONTRACTS.read_bytes(), cwd=root, capture_output=True, check=True
    )
    return {name: bytes.fromhex(code) for name, code in json.loads(run.stdout).items()}

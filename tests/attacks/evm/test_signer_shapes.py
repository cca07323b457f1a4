"""What the signer's decoder must refuse: a shape that is not on the allow-list, however it is presented."""

from dataclasses import replace

import pytest
from simulators.anvil import (
    DEPOSIT_PATH,
    ETH,
    OWNER_PATH,
    OWNERS,
    SENDER,
    SENDER_PATH,
    TestSigner,
    make_intent,
    make_wallet,
    sign_all,
)

from custody.chains.evm.abi import (
    EXEC_TRANSACTION,
    address_word,
    dynamic,
    multi_send_call,
    multi_send_item,
    transfer_call,
    word,
)
from custody.chains.evm.codec import OUTER_TAG, SafeCodec
from custody.chains.evm.keccak import selector
from custody.chains.evm.outer_tx import Gas, OuterTx
from custody.chains.evm.params import ETHEREUM_LOCAL
from custody.chains.evm.plan import SafeState, SenderState, safe_tx_of
from custody.chains.evm.rlp import rlp_encode, rlp_int
from custody.chains.evm.safe_tx import SAFE_TX_TAG, Operation, SafeTx, exec_transaction_call
from custody.chains.evm.sweep import SWEEP_TAG, SweepCodec, SweepState
from custody.keys.ecdsa import sign_recoverable
from custody.keys.hd import CURVE_ORDER
from custody.keys.material import Signature, SigningRole
from custody.primitives.amount import Amount
from custody.primitives.asset import Asset
from custody.primitives.encoding import encode
from custody.primitives.errors import InvalidInput, MalformedPayload, Refused
from custody.signers.decoders.evm import EvmDecoder
from custody.signers.decoders.evm_bytes import decimal, rlp_list, split_tagged

TO = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
EVIL = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"
TOKEN = Asset("MXT", 18, ETHEREUM_LOCAL.chain.id, "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB")
WALLET = make_wallet(tokens=(TOKEN,))
CODEC = SafeCodec(WALLET)
MULTISEND = ETHEREUM_LOCAL.release.multisend
GWEI = 10**9
STATE = SafeState({ETH.key: 10**18, TOKEN.key: 10**18}, 4, SenderState(9, 10**18, GWEI, 3 * GWEI))
MEMBER, GAS_PAYER = SigningRole.MEMBER, SigningRole.SENDER


@pytest.fixture
def owner():
    return OWNERS[0].decoder(WALLET.registration(), OWNER_PATH)


@pytest.fixture
def sender():
    return SENDER.decoder(WALLET.registration(), SENDER_PATH)


def safe_tx(to=TO, value=5, call=b"", operation=Operation.CALL, **changes) -> SafeTx:
    return replace(SafeTx(31337, WALLET.safe, to, value, call, operation, 4), **changes)


def fields_of(tx: SafeTx) -> list:
    raw = [bytes.fromhex(text[2:]) for text in (tx.safe, tx.to)]
    return [tx.chain_id, *raw, tx.value, tx.call, int(tx.operation), 0, 0, 0, bytes(20), bytes(20), tx.nonce]


def batch(*items: bytes, to=MULTISEND, value=0) -> SafeTx:
    return safe_tx(to, value, multi_send_call(items), Operation.DELEGATECALL)


def refuses(decoder, tx: SafeTx, kind=Refused):
    with pytest.raises(kind):
        decoder.understand(tx.payload(), MEMBER)


# C01: a delegatecall presented as a transfer (Bybit, WazirX, Radiant).
def test_c01_refuses_every_delegatecall_but_to_the_pinned_batch_contract(owner):
    good = multi_send_item(TO, 5, b"")
    for to in (TO, EVIL, TOKEN.contract, WALLET.safe):
        refuses(owner, batch(good, to=to))
        refuses(owner, safe_tx(to, 0, transfer_call(TO, 5), Operation.DELEGATECALL))
    refuses(owner, batch(good, value=1))
    refuses(owner, safe_tx(MULTISEND, 0, b"", Operation.DELEGATECALL))
    refuses(
        owner, safe_tx(MULTISEND, 0, selector("other(bytes)") + multi_send_call([good])[4:], Operation.DELEGATECALL)
    )
    # An ordinary call to the batch contract would spend its coins, not ours; it is no payment either.
    refuses(owner, safe_tx(MULTISEND, 0, multi_send_call([good])))


def test_refuses_operations_that_do_not_exist(owner):
    fields = fields_of(safe_tx())
    fields[5] = 2
    with pytest.raises(MalformedPayload):
        owner.understand(encode(SAFE_TX_TAG, *fields), MEMBER)


# C02: a hidden second call.
def test_c02_shows_every_call_of_a_batch(owner):
    tx = batch(multi_send_item(TO, 5, b""), multi_send_item(TOKEN.contract, 0, transfer_call(EVIL, 10**24)))
    shown = owner.understand(tx.payload(), MEMBER).summary.to
    assert [(to.text, amount.units) for to, amount in shown] == [(TO, 5), (EVIL, 10**24)]


def test_refuses_batches_with_a_delegatecall_inside_or_bytes_that_hide_something(owner):
    good = multi_send_item(TO, 5, b"")
    refuses(owner, batch(good, b"\x01" + good[1:]))
    refuses(owner, batch(good, good[:-1]), MalformedPayload)
    refuses(owner, batch(good + b"\0"), MalformedPayload)
    refuses(owner, batch(), Refused)
    refuses(owner, batch(*[good] * 101), MalformedPayload)
    oversized = good[:53] + word(2**255) + good[85:]
    refuses(owner, batch(good, oversized), MalformedPayload)


@pytest.mark.parametrize("change", ["trailing", "padding", "offset", "short", "long length"])
def test_refuses_batch_calldata_that_is_not_in_its_ordinary_form(owner, change):
    call = multi_send_call([multi_send_item(TO, 5, b"")])
    broken = {
        "trailing": call + bytes(32),
        "padding": call[:-1] + b"\x01",
        "offset": call[:4] + word(64) + call[36:],
        "short": call[:-32],
        "long length": call[:36] + word(86 + 64) + call[68:],
    }[change]
    refuses(owner, safe_tx(MULTISEND, 0, broken, Operation.DELEGATECALL), MalformedPayload)


# C03: approvals, pulls and upgrades.
@pytest.mark.parametrize(
    "signature",
    [
        "approve(address,uint256)",
        "increaseAllowance(address,uint256)",
        "setApprovalForAll(address,bool)",
        "transferFrom(address,address,uint256)",
        "upgradeTo(address)",
        "transferOwnership(address)",
        "permit(address,address,uint256,uint256,uint8,bytes32,bytes32)",
        "mint(address,uint256)",
    ],
)
def test_c03_refuses_every_other_method_of_a_listed_token(owner, signature):
    call = selector(signature) + address_word(EVIL) + word(5)
    refuses(owner, safe_tx(TOKEN.contract, 0, call))
    refuses(owner, batch(multi_send_item(TO, 5, b""), multi_send_item(TOKEN.contract, 0, call)))


@pytest.mark.parametrize(
    "signature",
    [
        "addOwnerWithThreshold(address,uint256)",
        "enableModule(address)",
        "setGuard(address)",
        "swapOwner(address,address,address)",
    ],
)
def test_refuses_calls_that_change_the_safe_itself(owner, signature):
    refuses(owner, safe_tx(WALLET.safe, 0, selector(signature) + address_word(EVIL) + word(1)))
    refuses(owner, batch(multi_send_item(WALLET.safe, 0, selector(signature) + address_word(EVIL) + word(1))))


def test_refuses_transfers_that_are_not_exactly_one(owner):
    good = transfer_call(TO, 5)
    refuses(owner, safe_tx(EVIL, 0, good))  # a token that is not listed
    refuses(owner, safe_tx(TOKEN.contract, 1, good))  # coins along with it
    refuses(owner, safe_tx(TOKEN.contract, 0, good + b"\0"), MalformedPayload)
    refuses(owner, safe_tx(TOKEN.contract, 0, good[:-1]), MalformedPayload)
    refuses(owner, safe_tx(TOKEN.contract, 0, good[:4] + b"\x01" + good[5:]), MalformedPayload)  # dirty upper bytes
    refuses(owner, safe_tx(TOKEN.contract, 0, good[:3]))
    refuses(owner, safe_tx(TOKEN.contract, 0, transfer_call(TO, 0)))
    refuses(owner, safe_tx(TO, 0))


def test_refuses_payments_to_the_wallet_the_tokens_and_nowhere(owner):
    for to in (TOKEN.contract, MULTISEND, "0x" + "00" * 20):
        refuses(owner, safe_tx(to, 5))
        refuses(owner, safe_tx(TOKEN.contract, 0, transfer_call(to, 5)))
    refuses(owner, safe_tx(WALLET.safe, 5))


# C12: another network, another Safe.
def test_c12_refuses_another_chain_id_and_another_safe(owner):
    refuses(owner, safe_tx(chain_id=1))
    refuses(owner, safe_tx(safe=EVIL))


def test_refuses_gas_fields_that_pay_somebody(owner):
    for place, value in ((6, 1), (7, 1), (8, 1), (9, bytes(19) + b"\1"), (10, bytes.fromhex(EVIL[2:]))):
        fields = fields_of(safe_tx())
        fields[place] = value
        with pytest.raises(Refused, match="must be zero"):
            owner.understand(encode(SAFE_TX_TAG, *fields), MEMBER)


def test_refuses_payloads_that_are_cut_extended_or_of_another_purpose(owner, sender):
    payload = safe_tx().payload()
    for end in range(len(payload)):
        with pytest.raises((MalformedPayload, Refused)):
            owner.understand(payload[:end], MEMBER)
    for broken in (payload + b"\0", encode(SAFE_TX_TAG, *fields_of(safe_tx()), 1)):
        with pytest.raises(MalformedPayload):
            owner.understand(broken, MEMBER)
    with pytest.raises(Refused):
        owner.understand(encode("mext/intent/1", *fields_of(safe_tx())), MEMBER)
    with pytest.raises(Refused):
        sender.understand(payload, GAS_PAYER)
    with pytest.raises(Refused, match="no owner key"):
        sender.understand(payload, MEMBER)


@pytest.mark.parametrize("text", [b"", b"01", b"-1", b"+1", b" 1", b"1e3", "１".encode(), b"9" * 79])
def test_refuses_numbers_with_two_spellings(text):
    with pytest.raises(MalformedPayload):
        decimal(text)


# The sender's round.


def execution(tx: SafeTx, signatures: bytes | None = None, **outer) -> bytes:
    plan = CODEC.plan([make_intent(TO, Amount(5, ETH))], STATE)
    blob = b"".join(
        value
        for _, value in sorted(CODEC._valid_members(tx, member_signatures(tx)).items(), key=lambda i: int(i[0], 16))
    )
    call = exec_transaction_call(tx, blob if signatures is None else signatures)
    fields = {"chain_id": 31337, "gas": plan.gas, "to": WALLET.safe, "value": 0, "call": call, **outer}
    return encode(OUTER_TAG, tx.nonce, OuterTx(**fields).unsigned())


def member_signatures(tx: SafeTx, signers=OWNERS[:2]):
    nodes = [signer.root.derive(OWNER_PATH) for signer in signers]
    return [Signature(node.public().public_key(), 0, sign_recoverable(node.key, tx.hash())) for node in nodes]


def refuses_execution(sender, payload, kind=(Refused, MalformedPayload)):
    with pytest.raises(kind):
        sender.understand(payload, GAS_PAYER)


def test_the_sender_accepts_the_plain_execution(sender):
    assert sender.understand(execution(safe_tx()), GAS_PAYER).summary.to[0][0].text == TO


def test_the_sender_refuses_what_owners_would_refuse(sender):
    good = multi_send_item(TO, 5, b"")
    for tx in (batch(good, to=EVIL), safe_tx(TOKEN.contract, 0, selector("approve(address,uint256)") + word(1) * 2)):
        refuses_execution(sender, execution(tx), Refused)


def test_the_sender_refuses_other_targets_value_chain_and_methods(sender):
    tx = safe_tx()
    refuses_execution(sender, execution(tx, to=EVIL), Refused)
    refuses_execution(sender, execution(tx, value=1), Refused)
    refuses_execution(sender, execution(tx, chain_id=1), Refused)
    refuses_execution(sender, execution(tx, call=b""), Refused)
    refuses_execution(sender, execution(tx, call=selector("approveHash(bytes32)") + word(5)), Refused)


def test_the_sender_refuses_executions_without_a_true_quorum(sender):
    tx = safe_tx()
    one, two = (signature.value for signature in member_signatures(tx))
    good = sender.understand(execution(tx), GAS_PAYER)
    assert good.to_sign[0].path == SENDER_PATH
    pair = one + two if execution(tx).find(one) < execution(tx).find(two) else two + one
    stranger = member_signatures(tx, [TestSigner(77)])[0].value
    high = pair[:32] + (CURVE_ORDER - int.from_bytes(pair[32:64], "big")).to_bytes(32, "big") + bytes([55 - pair[64]])
    blobs = [
        b"",
        one,
        pair + one,
        one + one,
        pair[65:] + pair[:65],
        pair[:65] + stranger,
        high + pair[65:],
        pair[:-1] + b"\x01",
    ]
    for blob in blobs:
        refuses_execution(sender, execution(tx, blob), Refused)


def test_the_sender_refuses_an_execution_under_another_nonce_than_the_owners_signed(sender):
    _, (_, unsigned) = split_tagged(execution(safe_tx()))
    refuses_execution(sender, encode(OUTER_TAG, 5, unsigned), Refused)


def test_the_sender_refuses_refunds_and_calldata_in_another_form(sender):
    _, (_, unsigned) = split_tagged(execution(safe_tx()))
    call = rlp_list(unsigned[1:])[7]
    for place in range(4, 9):
        at = 4 + place * 32
        refuses_execution(sender, execution(safe_tx(), call=call[:at] + word(1) + call[at + 32 :]), Refused)
    for broken in (call + b"\0", call + bytes(32), call[:-1], call[:4], call[:68] + word(352) + call[100:]):
        refuses_execution(sender, execution(safe_tx(), call=broken), MalformedPayload)
    # The same arguments with the two tails swapped: valid for the contract, but not the one form we sign.
    signatures = call[-(32 + 160) :]
    swapped = (
        call[: 4 + 64] + word(320 + len(signatures)) + call[4 + 96 : 4 + 288] + word(320) + signatures + dynamic(b"")
    )
    refuses_execution(sender, execution(safe_tx(), call=swapped), MalformedPayload)
    assert call[:4] == EXEC_TRANSACTION


def test_the_sender_refuses_rlp_that_is_not_in_shortest_form(sender):
    _, (nonce, unsigned) = split_tagged(execution(safe_tx()))
    items = rlp_list(unsigned[1:])
    variants = [
        b"\x01" + unsigned[1:],
        unsigned + b"\0",
        unsigned[:-1],
        b"\x02" + rlp_encode([b"\0" + items[0], *items[1:]]),  # leading zero
        b"\x02" + rlp_encode([*items, b""]),
        b"\x02" + rlp_encode(items[:-1]),
        b"\x02" + rlp_encode([*items[:8], [[bytes(20), []]]]),  # an access list
        b"\x02" + rlp_encode([*items[:5], b"", *items[6:]]),  # creates a contract
        b"\x02" + rlp_encode([*items[:2], rlp_int(10**12), *items[3:]]),  # tip above fee
        b"\x02" + rlp_encode([items[0], [], *items[2:]]),
        b"\x02" + rlp_encode(b"".join(items[:2])),
        b"\x02\xf8\x01\x80",
        b"\x02\xc2\x81\x05",
        b"\x02",
    ]
    for variant in variants:
        refuses_execution(sender, encode(OUTER_TAG, decimal(nonce), variant))
    deep = b""
    for _ in range(40):
        deep = rlp_encode([deep])
    refuses_execution(sender, encode(OUTER_TAG, 4, b"\x02" + deep), MalformedPayload)


# Sweeps.

SWEEPER = SweepCodec(WALLET)
SWEEP_STATE = SweepState(7, ETH, 10**18, 10**18, 0, GWEI, 2 * GWEI)


def sweep(to=WALLET.safe, value=5, call=b"", *, index=7, account=None, chain_id=31337) -> bytes:
    account = WALLET.deposits.address(index) if account is None else account
    unsigned = OuterTx(chain_id, Gas(0, GWEI, GWEI, 35_000), to, value, call).unsigned()
    return encode(SWEEP_TAG, index, bytes.fromhex(account[2:]), unsigned)


def test_sweeps_go_to_the_registered_safe_only(sender):
    for payload in (
        sweep(EVIL),
        sweep(call=b"\1"),
        sweep(value=0),
        sweep(chain_id=1),
        sweep(account=EVIL),
        sweep(index=8, account=WALLET.deposits.address(7)),
        sweep(EVIL, 0, transfer_call(WALLET.safe, 5)),
        sweep(TOKEN.contract, 1, transfer_call(WALLET.safe, 5)),
        sweep(TOKEN.contract, 0, transfer_call(EVIL, 5)),
        sweep(TOKEN.contract, 0, selector("approve(address,uint256)") + address_word(WALLET.safe) + word(5)),
    ):
        with pytest.raises(Refused):
            sender.understand(payload, GAS_PAYER)
    with pytest.raises(MalformedPayload):
        sender.understand(sweep(TOKEN.contract, 0, transfer_call(WALLET.safe, 5) + b"\0"), GAS_PAYER)


# C08: an index far outside the window.
def test_sweeps_outside_the_window_or_from_a_key_of_another_use_are_refused(sender):
    beyond = DEPOSIT_PATH + "/0/1000"
    account = SENDER.decoder(WALLET.registration(), beyond)
    assert account  # the key exists
    with pytest.raises(Refused):
        sender.understand(sweep(index=1000, account=EVIL), GAS_PAYER)
    clash = SENDER.decoder(WALLET.registration(), SENDER_PATH, f"{DEPOSIT_PATH}/0/7")
    with pytest.raises(Refused, match="not a deposit account"):
        clash.understand(sweep(), GAS_PAYER)
    plain = SENDER.decoder(replace(WALLET, deposits=None).registration(), SENDER_PATH)
    with pytest.raises(Refused, match="no deposit accounts"):
        plain.understand(sweep(), GAS_PAYER)
    with pytest.raises(Refused):
        sender.understand(sweep(), MEMBER)


def test_a_sweep_is_shown_as_a_return_to_the_wallet(sender):
    plan = SWEEPER.plan((), SWEEP_STATE)
    shown = sender.understand(SWEEPER.next_need(plan, ()).payload, GAS_PAYER)
    assert shown.summary == SWEEPER.summarize(plan)
    assert shown.summary.to == ()
    assert shown.conflict_key == SWEEPER.reservations(plan)[0]
    assert shown.to_sign[0].path == f"{DEPOSIT_PATH}/0/7"


# Registrations.


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("family", "utxo"),
        ("chain", ""),
        ("chain_id", "31337"),
        ("chain_id", True),
        ("network", "1"),
        ("safe", WALLET.safe.lower()),
        ("safe", None),
        ("owners", []),
        ("owners", [WALLET.sorted_owners()[0]] * 3),
        ("owners", "0x"),
        ("threshold", 1),
        ("threshold", 3),
        ("version", "1.1.1"),
        ("multisend", EVIL),
        ("sender", "0xzz" + "0" * 38),
        ("tokens", [{"symbol": "MXT", "decimals": 18}]),
        ("tokens", ["MXT"]),
        ("sweep_from", "m/44h"),
        ("sweep_from", {"path": "44h", "xpub": SENDER.xpub(DEPOSIT_PATH), "window": 5}),
        ("sweep_from", {"path": DEPOSIT_PATH, "xpub": "xpub", "window": 5}),
    ],
)
def test_a_signer_with_a_wrong_registration_does_not_start(name, value):
    with pytest.raises(InvalidInput):
        EvmDecoder({**WALLET.registration(), name: value}, {OWNER_PATH: OWNERS[0].key(OWNER_PATH)})


# C11: two keys of one wallet in one signer.
def test_a_signer_with_two_owner_keys_does_not_start():
    with pytest.raises(InvalidInput, match="two owner keys"):
        EvmDecoder(WALLET.registration(), {"m/1": OWNERS[0].key(OWNER_PATH), "m/2": OWNERS[1].key(OWNER_PATH)})


def test_a_rejection_pays_nobody_and_is_the_only_call_to_the_safe_itself(owner):
    rejection = CODEC.reject(4, STATE.sender)
    shown = owner.understand(safe_tx_of(WALLET, rejection).payload(), MEMBER)
    assert shown.summary.to == shown.summary.change == ()
    assert sign_all(CODEC, rejection)

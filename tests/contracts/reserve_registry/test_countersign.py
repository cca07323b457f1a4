import ape
import pytest

DIGEST = b"\x0a" * 32


@pytest.fixture
def published(registry, people, clock):
    registry.publish(1, DIGEST, b"\x0b" * 32, 1, clock.next - 10, "ipfs://bundle", sender=people.publisher)
    return registry


@pytest.fixture
def audit(registry, people, typed_data):
    def make(signer=None, seq=1, digest=DIGEST, **domain):
        text = {"seq": seq, "statementDigest": digest}
        message = typed_data(registry, "StatementAudit", ("uint64 seq", "bytes32 statementDigest"), text, **domain)
        return (signer or people.auditor).sign_message(message).encode_rsv()

    return make


def test_refuses_a_statement_that_was_not_published(registry, people, audit):
    with ape.reverts(registry.UnknownStatement):
        registry.countersign(1, people.auditor, audit(), sender=people.relayer)


def test_refuses_a_signer_who_is_no_auditor(published, people, audit):
    with ape.reverts(published.NotAuditor, auditor=people.mallory):
        published.countersign(1, people.mallory, audit(people.mallory), sender=people.mallory)


def test_refuses_a_forged_signature(published, people, audit):
    with ape.reverts(published.SignatureRefused):
        published.countersign(1, people.auditor, audit(people.mallory), sender=people.mallory)


@pytest.mark.parametrize(
    "change",
    [{"seq": 2}, {"digest": b"\x0c" * 32}, {"chainId": 1}, {"verifyingContract": "0x" + "22" * 20}],
    ids=lambda change: next(iter(change)),
)
def test_r44_refuses_a_signature_of_another_statement_chain_or_register(published, people, audit, change):
    with ape.reverts(published.SignatureRefused):
        published.countersign(1, people.auditor, audit(**change), sender=people.relayer)


def test_refuses_the_same_signature_twice(published, people, audit):
    published.countersign(1, people.auditor, audit(), sender=people.relayer)
    with ape.reverts(published.AlreadyCountersigned):
        published.countersign(1, people.auditor, audit(), sender=people.relayer)


def test_refuses_an_auditor_whose_role_was_taken(published, people, audit):
    published.revokeRole(published.AUDITOR_ROLE(), people.auditor, sender=people.admin)
    with ape.reverts(published.NotAuditor):
        published.countersign(1, people.auditor, audit(), sender=people.relayer)


def test_an_auditor_with_a_contract_wallet_countersigns(published, people, doubles, audit):
    wallet = people.deployer.deploy(doubles.WalletDouble, people.bob)
    published.grantRole(published.AUDITOR_ROLE(), wallet, sender=people.admin)
    published.countersign(1, wallet, audit(people.bob), sender=people.relayer)
    assert published.isCountersigned(1, wallet)


def test_changes_nothing_in_the_entry(published, people, audit):
    before = published.entryOf(1)
    receipt = published.countersign(1, people.auditor, audit(), sender=people.mallory)
    log = receipt.events.filter(published.StatementCountersigned)[0]
    assert (log.seq, log.auditor, log.statementDigest) == (1, people.auditor, DIGEST)
    assert published.isCountersigned(1, people.auditor)
    assert published.entryOf(1) == before

# Gas of the main functions, the 21,000 of the transaction included; a change that costs more has to say so here.
import pytest

HOUR, DAY = 3600, 86_400
FOR = 1
MILLION = 10**24
BATCH = 50


@pytest.fixture
def spent(record_property, capsys):
    """Report what was spent, and refuse more than the limit."""

    def check(what, receipt, limit, per=1):
        gas = receipt.gas_used // per
        record_property(what, gas)
        with capsys.disabled():
            print(f"\n  {what}: {gas:,} of {limit:,}", end="")  # noqa: T201 - a report is what this test is for
        assert gas <= limit

    return check


def test_gas_of_the_token(project, people, vault, spent):
    token = people.deployer.deploy(project.MEXT, people.holder, vault)
    token.transfer(people.bob, MILLION, sender=people.holder)
    spent("transfer, undelegated", token.transfer(people.bob, MILLION, sender=people.holder), 40_000)
    for person in (people.holder, people.bob):
        token.invoke_transaction("delegate", person, sender=person)
    spent("transfer, both delegated", token.transfer(people.bob, MILLION, sender=people.holder), 106_000)
    spent("burn, delegated", token.burn(MILLION, sender=people.holder), 104_000)


def test_gas_of_a_listing(listing, people, clock, propose, spent):
    propose()
    made = propose()
    spent("propose", made.receipt, 249_000)
    clock.next_block_at(made.t0 + 4 * HOUR)
    spent("castVote", listing.castVote(made.id, FOR, sender=people.alice), 75_000)
    clock.next_block_at(made.t0 + 44 * HOUR)
    spent("finalize", listing.finalize(made.id, sender=people.relayer), 98_000)
    spent("confirmListed", listing.confirmListed(made.id, sender=people.operator), 92_000)


def test_gas_of_a_ballot_in_a_batch(listing, people, mext, clock, propose, ballot, spent, accounts):
    voters = [accounts.generate_test_account() for _ in range(BATCH)]
    for voter in voters:
        people.deployer.transfer(voter, 10**17)
        mext.transfer(voter, MILLION, sender=people.holder)
        mext.invoke_transaction("delegate", voter, sender=voter)
    clock.reach(clock.next + 2 * DAY)
    made = propose()
    clock.next_block_at(made.t0 + 4 * HOUR)
    receipt = listing.castVotesBySig(made.id, [ballot(voter, made.id) for voter in voters], sender=people.relayer)
    assert listing.proposalOf(made.id).yes == BATCH * MILLION
    spent(f"ballot in a batch of {BATCH}", receipt, 45_000, per=BATCH)


def test_gas_of_a_statement(registry, people, clock, spent):
    for seq in (1, 2):
        receipt = registry.publish(
            seq, bytes([seq]) * 32, b"\x0b" * 32, seq, clock.next - 10, "ipfs://bundle", sender=people.publisher
        )
    spent("publish", receipt, 128_000)

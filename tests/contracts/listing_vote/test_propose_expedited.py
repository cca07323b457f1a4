import ape
import pytest

HOUR, DAY = 3600, 86_400
REGULAR, EXPEDITED, FOR = 0, 1, 1
URI = "ipfs://expedited"


@pytest.fixture
def room(enlist):
    enlist(4)


@pytest.fixture
def submit(listing, people):
    return lambda asset, given: listing.propose(EXPEDITED, asset.fields, URI, given, sender=people.proposer)


@pytest.mark.usefixtures("room")
class TestAttestations:
    @pytest.mark.parametrize("count", [0, 1, 3])
    def test_refuses_any_number_but_two(self, listing, submit, attest, asset, count):
        with ape.reverts(listing.AttestationCount, given=count, wanted=2):
            submit(asset, (attest(asset, URI) * 2)[:count])

    def test_refuses_one_screener_twice(self, listing, people, submit, attest, asset):
        with ape.reverts(listing.AttestationOrder):
            submit(asset, attest(asset, URI, (people.screener_a, people.screener_a)))

    def test_refuses_the_wrong_order(self, listing, people, submit, attest, asset):
        with ape.reverts(listing.AttestationOrder):
            submit(asset, attest(asset, URI, (people.screener_b, people.screener_a)))

    def test_refuses_a_signer_who_is_no_screener(self, listing, people, submit, attest, asset):
        pair = sorted((people.screener_a, people.mallory), key=lambda account: int(account.address, 16))
        with ape.reverts(listing.AttestationRefused, screener=people.mallory):
            submit(asset, attest(asset, URI, pair))

    def test_refuses_a_screener_whose_role_was_taken(self, listing, people, submit, attest, asset):
        given = attest(asset, URI)
        listing.revokeRole(listing.SCREENER_ROLE(), people.screener_b, sender=people.admin)
        with ape.reverts(listing.AttestationRefused, screener=people.screener_b):
            submit(asset, given)

    def test_refuses_a_signature_in_the_other_screeners_name(self, listing, submit, attest, asset):
        (low, deadline, _), (high, _, signature) = attest(asset, URI)
        with ape.reverts(listing.AttestationRefused, screener=low):
            submit(asset, [(low, deadline, signature), (high, deadline, signature)])

    def test_refuses_on_the_deadline_itself(self, listing, clock, submit, attest, asset):
        given = attest(asset, URI, deadline=clock.next + 100)
        clock.next_block_at(given[0][1])
        with ape.reverts(listing.AttestationExpired):
            submit(asset, given)

    @pytest.mark.parametrize(
        "change",
        [{"assetId": b"\x01" * 32}, {"proposer": "0x" + "11" * 20}, {"uriHash": bytes(32)}, {"attempt": 1}],
        ids=lambda change: next(iter(change)),
    )
    def test_refuses_an_attestation_of_something_else(self, listing, submit, attest, asset, change):
        with ape.reverts(listing.AttestationRefused):
            submit(asset, attest(asset, URI, **change))

    def test_refuses_the_attestations_of_an_earlier_attempt(self, listing, people, submit, attest, asset, clock):
        given = attest(asset, URI, deadline=clock.next + DAY)
        submit(asset, given)
        listing.reject(listing.proposalCount(), "again, please", sender=people.screener_a)
        with ape.reverts(listing.AttestationRefused):
            submit(asset, given)
        submit(asset, attest(asset, URI, attempt=1))


def test_g22_refuses_the_lane_before_four_regular_listings(listing, submit, attest, asset, enlist):
    enlist(3)
    with ape.reverts(listing.ExpeditedShareUsed):
        submit(asset, attest(asset, URI))


def test_g22_refuses_a_second_one_for_the_same_four(listing, expedited, submit, attest, new_asset):
    expedited()
    asset = new_asset()
    with ape.reverts(listing.ExpeditedShareUsed):
        submit(asset, attest(asset, URI))


def test_g22_listings_of_the_last_epoch_make_no_room(listing, clock, submit, attest, asset, enlist):
    enlist(4)
    clock.reach((clock.next // listing.EPOCH_S() + 1) * listing.EPOCH_S())
    with ape.reverts(listing.ExpeditedShareUsed):
        submit(asset, attest(asset, URI))


@pytest.mark.parametrize("ending", ["reject", "markSpam", "veto", "finalize"])
def test_a_failed_expedited_proposal_gives_its_place_back(
    listing, people, clock, expedited, submit, attest, new_asset, ending
):
    made = expedited()
    if ending == "reject":
        listing.reject(made.id, "no", sender=people.screener_a)
    elif ending == "markSpam":
        listing.markSpam(made.id, "fraud", b"\x01" * 32, sender=people.screener_a)
    elif ending == "veto":
        listing.veto(made.id, 1, sender=people.guardian)
    else:
        clock.next_block_at(made.t0 + 11 * HOUR)
        listing.finalize(made.id, sender=people.relayer)
    asset = new_asset()
    submit(asset, attest(asset, URI))
    assert listing.proposalCount() == made.id + 1


def test_runs_to_an_open_market_within_twelve_hours(listing, people, clock, expedited, state):
    made = expedited()
    clock.next_block_at(made.t0 + 15 * 60)
    listing.castVote(made.id, FOR, sender=people.alice)
    clock.next_block_at(made.t0 + 11 * HOUR)
    listing.finalize(made.id, sender=people.relayer)
    receipt = listing.confirmListed(made.id, sender=people.operator)
    assert receipt.events.filter(listing.ListingConfirmed)[0].withinSla
    assert state(made.id) == "Listed"
    epoch = listing.listingsOf(listing.epochOf(receipt.timestamp))
    assert (epoch.byVote, epoch.regular, epoch.expedited) == (5, 4, 1)

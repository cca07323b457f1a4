# Append only: no gap, no overwrite, no backdating (G32, R44).
import ape
import pytest

DIGEST = b"\x0a" * 32
ROOT = b"\x0b" * 32
ZERO = bytes(32)
ZERO_ADDRESS = "0x" + "00" * 20
DAY = 86_400


@pytest.fixture
def publish(registry, people, clock):
    def run(**changes):
        last = registry.latest()
        seq = registry.lastSeq() + 1
        arguments = {
            "seq": seq,
            "digest": seq.to_bytes(32, "big"),
            "root": ROOT,
            "log_size": last.logSize + 1,
            "cutoff": clock.next - 100,
            "uri": "ipfs://bundle",
            **changes,
        }
        sender = arguments.pop("sender", people.publisher)
        return registry.publish(*arguments.values(), sender=sender)

    return run


@pytest.mark.parametrize("position", [0, 1, 2])
def test_refuses_a_register_without_one_of_its_roles(project, people, position):
    holders = [people.admin, people.publisher, people.auditor]
    holders[position] = ZERO_ADDRESS
    with ape.reverts(project.ReserveRegistry.ZeroAddress):
        people.deployer.deploy(project.ReserveRegistry, *holders, 35 * DAY)


@pytest.mark.parametrize("age_s", [0, DAY - 1, 400 * DAY + 1])
def test_refuses_a_maximum_age_out_of_bounds(project, people, age_s):
    with ape.reverts(project.ReserveRegistry.MaxAgeOutOfBounds):
        people.deployer.deploy(project.ReserveRegistry, people.admin, people.publisher, people.auditor, age_s)


@pytest.mark.parametrize("who", ["mallory", "auditor", "admin", "deployer"])
def test_refuses_anyone_but_the_publisher(registry, people, publish, who):
    with ape.reverts(registry.AccessControlUnauthorizedAccount):
        publish(sender=getattr(people, who))


@pytest.mark.parametrize("seq", [0, 2, 2**64 - 1])
def test_r44_refuses_a_gap(registry, publish, seq):
    with ape.reverts(registry.SeqOutOfOrder, given=seq, expected=1):
        publish(seq=seq)


def test_r44_refuses_an_overwrite(registry, publish):
    publish()
    with ape.reverts(registry.SeqOutOfOrder, given=1, expected=2):
        publish(seq=1, digest=DIGEST)


@pytest.mark.parametrize("change", [{"digest": ZERO}, {"root": ZERO}])
def test_refuses_a_missing_hash(registry, publish, change):
    with ape.reverts(registry.DigestMissing):
        publish(**change)


def test_refuses_a_digest_that_was_published(registry, publish):
    publish(digest=DIGEST)
    with ape.reverts(registry.DigestKnown, seq=1):
        publish(digest=DIGEST)


@pytest.mark.parametrize("earlier_s", [0, 1, DAY])
def test_g32_refuses_a_cut_off_that_is_not_later(registry, publish, earlier_s):
    publish()
    with ape.reverts(registry.CutoffNotLater):
        publish(cutoff=registry.latest().cutoff - earlier_s)


@pytest.mark.parametrize("ahead_s", [1, 15, DAY])
def test_g36_refuses_a_cut_off_in_the_future(registry, clock, publish, ahead_s):
    with ape.reverts(registry.CutoffInFuture):
        publish(cutoff=clock.next + ahead_s)


def test_takes_a_cut_off_of_this_very_second(registry, clock, publish):
    publish(cutoff=clock.next)
    assert registry.latest().cutoff == registry.latest().publishedAt


@pytest.mark.parametrize("size", [0, 6, 7])
def test_refuses_a_log_that_did_not_grow(registry, publish, size):
    publish(log_size=7)
    with ape.reverts(registry.LogNotLonger):
        publish(log_size=size)


@pytest.mark.parametrize("uri", ["", "x" * 257])
def test_g38_refuses_a_link_that_is_empty_or_too_long(registry, publish, uri):
    with ape.reverts(registry.UriLength):
        publish(uri=uri)


@pytest.mark.parametrize("seq", [0, 1, 2**64 - 1])
def test_refuses_to_show_an_unknown_entry(registry, seq):
    with ape.reverts(registry.UnknownStatement, seq=seq):
        registry.entryOf(seq)


def test_entries_stay_as_they_were_published(registry, publish, clock):
    first_receipt = publish(digest=DIGEST)
    first = registry.entryOf(1)
    clock.reach(clock.next + DAY)
    publish()
    log = first_receipt.events.filter(registry.StatementPublished)[0]
    assert registry.entryOf(1) == first
    assert (log.seq, log.statementDigest, log.logRoot, log.uri) == (1, DIGEST, ROOT, "ipfs://bundle")
    assert registry.seqOf(DIGEST) == 1
    assert registry.lastSeq() == 2
    assert registry.latest().statementDigest == (2).to_bytes(32, "big")


def test_nothing_changes_or_removes_an_entry(project):
    changing = {m.name for m in project.ReserveRegistry.contract_type.mutable_methods}
    assert changing == {"publish", "countersign", "grantRole", "revokeRole", "renounceRole"}

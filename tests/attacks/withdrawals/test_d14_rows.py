# An administrator of the database, who owns no key of the services: what is written past them is never decided or paid.
import pytest
from simulators.gates import SEALS
from simulators.withdrawal_house import BIG_UNITS, House
from sqlalchemy import text

from custody.primitives.errors import InvalidInput, InvariantBroken
from custody.store.seals import Seals
from custody.withdrawals.errors import RowNotGenuine
from custody.withdrawals.states import WithdrawalState

COLUMNS = 'id, kind, customer, initiator, asset, "to", units, memo, idempotency_key, request_hash, salt, requested_at_ms, state, moved_at_ms, version, hold, fee_max, fee_asset, policy_version, expires_at_s, decision, facts, source, payment_id, stop, reason, broadcast_at_ms, business_mac, risk_mac'  # fmt: skip


@pytest.fixture
def house():
    return House()


def write(house, statement, **values):
    with house.engine.begin() as connection:
        assert connection.execute(text(statement), values).rowcount == 1


def require_halted(house):
    with pytest.raises(RowNotGenuine, match="withdrawal wd-"):
        house.step()
    with pytest.raises(InvariantBroken, match="stopped for good: withdrawal wd-"):
        house.pipeline.decide(house.now_s)
    for chain in house.pipeline.chains:
        with pytest.raises(InvariantBroken, match="stopped for good"):
            house.pipeline.pay(chain, house.now_s)
    assert not any(signer.asked for signer in house.signers)
    assert not house.network.sends


@pytest.mark.parametrize("state", ["held", "approved"])
def test_d14_a_row_inserted_past_the_services_halts_the_pipeline(house, state):
    house.ask(1_000)
    copied = COLUMNS.replace("id, kind", "'wd-evil', kind").replace('"to"', "'sim1evil'")
    copied = copied.replace("idempotency_key", "'key-evil'").replace(" state,", f" '{state}',")
    write(house, f"INSERT INTO withdrawal ({COLUMNS}) SELECT {copied} FROM withdrawal")
    require_halted(house)


@pytest.mark.parametrize(
    "change",
    ["\"to\" = 'sim1evil'", "units = printf('%078d', 999000)", "customer = 'bobby'", "memo = 'x'", "kind = 'treasury'", "asset = 'SIM', salt = '00'", "hold = 'none'", "facts = '{}'", "source = 'cold'", "policy_version = 2", "fee_max = printf('%078d', 99)", "expires_at_s = 1900000000", "version = version + 1", "business_mac = x'00'", "risk_mac = x'00'", "stop = 'cancel'"],
)  # fmt: skip
def test_d14_a_row_changed_past_the_services_halts_the_pipeline(house, change):
    withdrawal_id = house.ask(BIG_UNITS).id
    house.pipeline.decide(house.now_s)
    house.approve(withdrawal_id, "ann", "bob")
    write(house, f"UPDATE withdrawal SET {change} WHERE id = :id", id=withdrawal_id)
    require_halted(house)
    assert house.ledger.held() == BIG_UNITS


def test_d14_a_payment_under_way_is_not_signed_after_its_row_was_changed(house):
    withdrawal_id = house.ask(1_000).id
    house.frozen = True
    house.step()
    assert house.state(withdrawal_id) is WithdrawalState.ASSIGNED
    house.frozen = False
    write(house, "UPDATE withdrawal SET units = printf('%078d', 2000) WHERE id = :id", id=withdrawal_id)
    require_halted(house)


@pytest.mark.parametrize(
    ("stolen", "named"),
    [("business", "changed past the risk service"), ("risk", "was not written by the business service")],
)
def test_d14_the_key_of_one_service_alone_makes_no_row(house, stolen, named):
    own = {name: getattr(SEALS, name) for name in ("business", "risk", "receipts")}
    foreign = {"business": SEALS.receipts, "risk": SEALS.receipts} | {stolen: own[stolen]}
    house.store._seals = _Half(**foreign, receipts=SEALS.receipts)
    house.ask(1_000)
    house.store._seals = SEALS
    with pytest.raises(RowNotGenuine, match=named):
        house.step()


class _Half:
    def __init__(self, business, risk, receipts):
        self.business, self.risk, self.receipts = business, risk, receipts


def test_d14_the_two_services_never_share_a_key():
    with pytest.raises(InvalidInput, match="three different keys"):
        Seals(SEALS.business, SEALS.business, SEALS.receipts)


def test_d14_what_the_services_wrote_is_read_and_paid(house):
    withdrawal_id = house.ask(1_000).id
    house.settle()
    assert house.state(withdrawal_id) is WithdrawalState.SETTLED

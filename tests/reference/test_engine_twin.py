# The compiled core answers as the plain twin does: event for event, fill for fill, code for code, state for state.
from collections import Counter

import pytest
from simulators.engine_invariants import check_outputs, check_state
from simulators.engine_pair import EnginePair
from simulators.engine_streams import CONFIG, Stream

from exchange.engine.codes import REJECT_PRECEDENCE, EventKind, Reject, TransferResult

BATCH = 50


def drive(seed, commands):
    stream, engines, seen = Stream(seed), EnginePair(CONFIG), Counter()
    engines.records(stream.markets())
    money = stream.transfers(300, flags=(0, 0, 2))
    stream.remember(money)
    engines.transfer_records(money)
    for number in range(commands // BATCH):
        batch = stream.commands(BATCH)
        first = engines.next_seq
        outputs = engines.records(batch)
        stream.learn(outputs)
        seen.update(zip(outputs.events["kind"].tolist(), outputs.events["reason"].tolist(), strict=True))
        check_outputs(batch, outputs, first, {})
        if number % 4 == 0:
            money = stream.transfers(20)
            seen.update(("transfer", code) for code in engines.transfer_records(money))
            stream.remember(money)
        if number % 10 == 0:
            engines.same_state()
            check_state(engines.core)
    engines.same_state()
    return seen


def test_equal_over_a_short_stream():
    seen = drive(seed=1, commands=5_000)
    missing = [reject.name for reject in REJECT_PRECEDENCE if (EventKind.REJECTED, reject) not in seen]
    assert missing == [], "the stream must meet every refusal"


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 8))
def test_equal_over_long_streams(seed):
    seen = drive(seed, commands=20_000)
    assert seen[EventKind.REJECTED, Reject.FUNDS]
    for code in (TransferResult.OK, TransferResult.FUNDS, TransferResult.EXISTS, TransferResult.CHAIN_FAILED):
        assert seen["transfer", code], code

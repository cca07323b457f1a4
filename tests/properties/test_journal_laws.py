# Laws of journal and replay, over random histories: any split, any cut, any interleaving.
import itertools
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from simulators.journal_traffic import fund, new_engine, open_sequencer, order_batches

from exchange.engine.records import CMD, TRANSFER
from exchange.journal.format import RecordType
from exchange.journal.journal import Journal, JournalSettings
from exchange.journal.reader import JournalReader
from exchange.journal.segment import list_segments

RECORDS = st.lists(
    st.tuples(
        st.sampled_from([RecordType.CMD, RecordType.TRANSFER, RecordType.NOTE]),
        st.integers(1, 5),
        st.binary(min_size=16, max_size=16),
    ),
    min_size=1,
    max_size=30,
)


def body_of(kind, count, content):
    return (content * 8)[: 64 if kind is RecordType.NOTE else 128] * count


@settings(max_examples=40, deadline=None)
@given(records=RECORDS, groups=st.integers(1, 5), reopen=st.booleans())
def test_what_was_appended_is_read_back_however_it_was_grouped(records, groups, reopen):
    entries = [(kind, body_of(kind, count, content)) for kind, count, content in records]
    with tempfile.TemporaryDirectory() as name:
        heads = []
        for size in (groups, len(entries)):
            folder = Path(name) / str(len(heads))
            journal = Journal.open(folder, JournalSettings(segment_bytes=4096))
            list(journal.replay())
            for start in range(0, len(entries), size):
                journal.append(entries[start : start + size])
                if reopen:
                    journal.close()
                    journal = Journal.open(folder, JournalSettings(segment_bytes=4096))
                    list(journal.replay())
            heads.append(journal.head)
            journal.close()
            assert [(frame.kind, frame.body) for frame in JournalReader(folder)] == entries
        assert heads[0] == heads[1]


@settings(max_examples=60, deadline=None)
@given(data=st.data(), records=RECORDS)
def test_a_cut_anywhere_leaves_the_longest_whole_prefix(data, records):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        journal = Journal.open(folder, JournalSettings(segment_bytes=1 << 16))
        list(journal.replay())
        written, ends = [], []
        for kind, count, content in records:
            written += journal.append([(kind, body_of(kind, count, content))])
            ends.append(journal._offset)
        journal.close()
        (path,) = list_segments(folder)
        cut = data.draw(st.integers(64, ends[-1]))
        path.write_bytes(path.read_bytes()[:cut])
        assert list(JournalReader(folder)) == written[: sum(end <= cut for end in ends)]


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), cuts=st.lists(st.integers(1, 199), max_size=12))
def test_any_split_of_the_commands_gives_the_same_state(seed, cuts):
    # Invariant 6: batches are an accident of load and must not matter.
    with tempfile.TemporaryDirectory() as name:
        sequencer = open_sequencer(Path(name))
        accounts = fund(sequencer)
        (commands,) = order_batches(accounts, seed=seed, batches=1, size=200)
        bounds = [0, *sorted(set(cuts)), 200]
        for start, end in itertools.pairwise(bounds):
            sequencer.submit_commands(commands[start:end])
        split = sequencer.state_hash()
        sequencer.close()
        engine = new_engine()
        waiting = []
        for frame in JournalReader(Path(name)):
            if frame.kind is RecordType.CMD and frame.first_seq > 20:
                waiting.append((frame.first_seq, np.frombuffer(frame.body, CMD)))
            elif frame.kind is RecordType.CMD:
                engine.apply_commands(np.frombuffer(frame.body, CMD), frame.first_seq)
            elif frame.kind is RecordType.TRANSFER:
                engine.apply_transfers(np.frombuffer(frame.body, TRANSFER), frame.first_seq)
        engine.apply_commands(np.concatenate([part for _, part in waiting]), waiting[0][0])
        whole = engine.state_hash()
        assert whole == split

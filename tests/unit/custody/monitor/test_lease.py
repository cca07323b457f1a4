# Both ends of the lease, over real files; the clock is a number.
import os

import pytest

from custody.monitor.lease import LeaseKeeper, WatchStopped
from custody.signers.lease import MAX_AGE_MS, FileLease, LeaseLapsed

MS = 1_000_000
NOW_NS = 1_800_000_000 * 10**9


def lease_of(path, age_ms):
    os.utime(path, ns=(NOW_NS, NOW_NS))
    return FileLease(path, lambda: NOW_NS + age_ms * MS)


@pytest.fixture
def path(tmp_path):
    LeaseKeeper(tmp_path / "lease", list).renew()
    return tmp_path / "lease"


@pytest.mark.parametrize("age_ms", [MAX_AGE_MS + 1, 86_400_000, -MAX_AGE_MS - 1, -86_400_000])
def test_refuses_a_lease_that_is_old_or_of_the_future(path, age_ms):
    with pytest.raises(LeaseLapsed):
        lease_of(path, age_ms).require_held()


def test_refuses_a_lease_that_is_not_there_a_link_or_a_folder(tmp_path, path):
    (tmp_path / "link").symlink_to(path)
    for other in (tmp_path / "nothing", tmp_path / "link", tmp_path):
        with pytest.raises(LeaseLapsed):
            FileLease(other).require_held()


@pytest.mark.parametrize("age_ms", [0, MAX_AGE_MS, -5])
def test_a_fresh_lease_is_held(path, age_ms):
    lease_of(path, age_ms).require_held()


def test_a_watch_that_stopped_takes_the_lease_with_it(path):
    os.utime(path, ns=(NOW_NS, NOW_NS))
    stopped = ["watch BTC"]
    keeper = LeaseKeeper(path, lambda: stopped)
    with pytest.raises(WatchStopped, match="watch BTC stopped"):
        keeper.renew()
    assert path.stat().st_mtime_ns == NOW_NS
    stopped.clear()
    keeper.renew()
    assert path.stat().st_mtime_ns != NOW_NS
    FileLease(path).require_held()


def test_the_lease_is_private_and_never_written_through_a_link(tmp_path, path):
    assert path.stat().st_mode & 0o777 == 0o600
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="link"):
        LeaseKeeper(tmp_path / "link", list).renew()
    assert not (tmp_path / "elsewhere").exists()

import pytest

from custody.primitives.errors import NotFound
from exchange.app.compose import Installation
from exchange.app.home import Home


def test_a_folder_where_nothing_is_provisioned_is_refused_and_gets_no_journal(tmp_path):
    with pytest.raises(NotFound, match="nothing is provisioned here"):
        Installation.open(Home(tmp_path))
    assert list(tmp_path.iterdir()) == []

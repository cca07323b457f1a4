"""F02: a thief has the databases, the journal, the logs, all files of the house but the passphrase: no key is in them."""

import base64
import sqlite3
from pathlib import Path

import base58
import numpy as np
import pytest

from custody.keys import slip10
from custody.keys.hd import PrivateNode
from custody.keys.material import Curve
from custody.keys.mnemonic import entropy_of
from custody.keys.passphrase import read_passphrase
from custody.keys.xkeys import KeyNetwork, encode_xprv
from custody.signers.home import SignerHome
from exchange.app.ceremony import COLD, OPENER, OPERATOR, RESERVES, SENDER, SIGNERS, STAFF
from exchange.app.keyholders import OPENER_PATH, OPERATOR_PATH, STAFF_PATH, open_seed
from exchange.app.local_chains import LOCAL_CHAINS
from exchange.app.wallet_kits import KITS, OPENER_PATHS

pytestmark = [pytest.mark.node, pytest.mark.slow]
CHAINS = {"ethereum-local"}
DATABASES = ("custody", "projection", "governance")
PATHS = {
    STAFF_PATH, OPERATOR_PATH, OPENER_PATH, *(row.member_path for row in LOCAL_CHAINS),
    *(path for kit in KITS.values() for path in kit.sender_curves), *(path for paths in OPENER_PATHS.values() for path in paths.values()),
}  # fmt: skip


def secrets_of(home):
    """Every secret of the house, as raw bytes or text."""
    passphrase = read_passphrase(home.passphrase)
    found = {passphrase.reveal()}
    for name in (*SIGNERS, SENDER):
        folder = SignerHome(home.signer(name))
        words = folder.load_words(passphrase)
        found |= {words.reveal(), entropy_of(words).reveal(), *keys_of(folder.load_seed(passphrase))}
    for name in (*STAFF, *COLD, OPENER, OPERATOR, RESERVES):
        found |= keys_of(open_seed(home.keystore(name), passphrase))
    return found


def keys_of(seed):
    root = PrivateNode.from_seed(seed)
    found = {seed.reveal(), root.key.reveal(), encode_xprv(root, KeyNetwork.TEST).reveal()}
    for path in PATHS:
        node = root.derive(path)
        found |= {node.key.reveal(), encode_xprv(node, KeyNetwork.TEST).reveal()}
        if all(step.endswith("h") for step in path.split("/")[1:]):
            found.add(slip10.derive(seed, path, Curve.ED25519).reveal())
    return found


def spellings(secret):
    text = secret.hex()
    return {
        secret,
        secret[::-1],
        text.encode(),
        text.upper().encode(),
        base64.b64encode(secret).rstrip(b"="),
        base64.urlsafe_b64encode(secret).rstrip(b"="),
        base58.b58encode(secret),
        str(int.from_bytes(secret, "big")).encode(),
    }


class Search:
    """Looks for thousands of needles at once: by their first eight bytes, at every place of the content."""

    def __init__(self, needles):
        self.by_start = {}
        for each in needles:
            self.by_start.setdefault(int.from_bytes(each[:8], "little"), set()).add(each)
        self.starts = np.array(sorted(self.by_start), dtype="<u8")

    def finds(self, content):
        for offset in range(8):
            words = np.frombuffer(content[offset : offset + (len(content) - offset) // 8 * 8], dtype="<u8")
            places = np.minimum(np.searchsorted(self.starts, words), len(self.starts) - 1)
            for hit in np.flatnonzero(self.starts[places] == words):
                place = offset + 8 * int(hit)
                if any(content.startswith(each, place) for each in self.by_start[int(words[hit])]):
                    return True
        return False


def dump_of(database):
    """What a thief reads: the SQL dump; a blob stands in it as hex."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as db:
        return "\n".join(db.iterdump()).encode()


def test_f02_a_dump_of_the_databases_and_every_file_but_the_passphrase_holds_no_key(live):
    payment = live.pay("eve", "ETH", "0.01")
    live.wait_state(payment.id, "settled")
    home = live.home
    needles = {spelling for secret in secrets_of(home) for spelling in spellings(secret)}
    assert min(len(each) for each in needles) >= 20  # a short one would be found by chance
    stolen = {name: dump_of(home.folder / f"{name}.sqlite") for name in DATABASES}
    assert b"CREATE TABLE" in stolen["custody"]
    assert payment.id.encode() in stolen["custody"]
    files = [path for path in home.folder.rglob("*") if path.is_file() and path != home.passphrase]
    stolen |= {str(path.relative_to(home.folder)): path.read_bytes() for path in files}
    assert len(stolen) > len(DATABASES) + 10
    search = Search(needles)
    assert [name for name, content in stolen.items() if search.finds(content)] == []


def test_f02_the_search_finds_a_key_where_there_is_one(live, tmp_path):
    held = keys_of(open_seed(live.home.keystore(STAFF[0]), read_passphrase(live.home.passphrase)))
    search = Search({spelling for secret in held for spelling in spellings(secret)})
    for place, secret in enumerate(held):
        for spelling in spellings(secret):
            assert search.finds(b"x" * place + spelling + b"yz")
    assert not search.finds(b"x" * 1_000)
    secret = held.pop()
    with sqlite3.connect(tmp_path / "leaky.sqlite") as db:
        db.execute("CREATE TABLE leak (value BLOB)")
        db.execute("INSERT INTO leak VALUES (?)", (secret,))
    db.close()
    dumped = dump_of(Path(tmp_path / "leaky.sqlite"))
    assert search.finds(dumped)

"""What is wrong with one signer, from outside: its folder, its files, its process; nothing secret is read.

Rules:
    * One finding a question, each with what was seen and, where it does not hold, the cure.
    * A running signer is asked over its socket; the log of one that stands still is verified whole.

Example:
    findings = examine(SignerHome(Path("signers/alice")), Path("run/alice.sock"))
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from custody.keys.private_files import require_private_folder
from custody.primitives.errors import Conflict, ToolkitError
from custody.signers import audit
from custody.signers.client import RemoteSigner
from custody.signers.home import SignerHome
from custody.signers.lease import FileLease
from custody.signers.memory import Memory

SWAPS = Path("/proc/swaps")
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer to one question.

    Attributes:
        name: What was asked.
        seen: What was found.
        cure: What to do; empty where all is well.
    """

    name: str
    seen: str
    cure: str = ""

    @property
    def is_well(self) -> bool:
        """Whether nothing has to be done."""
        return not self.cure


class _Unwell(Exception):
    """Something does not hold: what was seen."""


def examine(home: SignerHome, socket: Path | None = None, lease: Path | None = None) -> Iterator[Finding]:
    """Ask every question.

    Args:
        home: Of the signer.
        socket: Where its process listens; without it, a process is not asked.
        lease: The file that the monitor renews, where the signer needs one.
    """
    folder = home.folder
    yield _ask("folder", lambda: _folder(folder), f"chmod 700 {folder}")
    yield _ask("files", lambda: _files(folder), f"chmod -R go-rwx {folder}")
    yield _ask("keys", lambda: _keys(home), "restore keystore.json from its backup, or remove what does not belong")
    yield _ask("rules", lambda: _rules(home), "mend rules.json, or lift the freeze in it by a higher version")
    yield _ask("wallets", lambda: _wallets(home), "register the wallets, and give each chain a fee cap in rules.json")
    yield _ask("memory", lambda: _memory(home), "restore memory.sqlite; never start the signer without it")
    yield _ask("swap", _swap, "swapoff -a: keys must not reach the disk")
    if socket is not None:
        yield _ask("process", lambda: _process(home, socket), "start it, or restart it to load its rules; --thaw thaws")
    if lease is not None:
        yield _ask("lease", lambda: _lease(lease), "start the service: its monitor renews the lease")


def _ask(name: str, question: Callable[[], str], cure: str) -> Finding:
    try:
        return Finding(name, question())
    except _Unwell as found:
        return Finding(name, str(found), cure)
    except ToolkitError as error:
        return Finding(name, f"{error.code}: {error.message}", cure)
    except OSError as error:
        return Finding(name, f"{type(error).__name__}: {error.strerror}", cure)


def _folder(folder: Path) -> str:
    require_private_folder(folder)
    return f"{folder}, open to its owner only"


def _files(folder: Path) -> str:
    inside = [path for path in sorted(folder.rglob("*")) if not path.is_socket()]
    wide = [str(path.relative_to(folder)) for path in inside if path.lstat().st_mode & _OTHERS]
    if wide:
        raise _Unwell(f"open to others: {', '.join(wide)}")
    return f"{len(inside)} of them, open to their owner only"


def _keys(home: SignerHome) -> str:
    found = [path.name for path in (home.keystore, home.token) if path.exists()]
    if len(found) != 1:
        raise _Unwell(f"one of keystore.json and token.json holds the keys; there: {', '.join(found) or 'none'}")
    return found[0]


def _rules(home: SignerHome) -> str:
    rules = home.load_rules()
    if rules.frozen:
        raise _Unwell("the rules freeze the signer")
    return f"{rules.name}, version {rules.version}"


def _wallets(home: SignerHome) -> str:
    rules, wallets = home.load_rules(), home.load_wallets()
    if not wallets:
        raise _Unwell("none is registered: nothing can be signed")
    uncapped = sorted({wallet.chain for wallet in wallets if wallet.chain not in rules.fee_caps})
    if uncapped:
        raise _Unwell(f"no fee cap for {', '.join(uncapped)}: nothing is signed there")
    return ", ".join(wallet.id for wallet in wallets)


def _memory(home: SignerHome) -> str:
    with ExitStack() as held:
        try:
            held.enter_context(home.lock())
        except Conflict:
            return "held by a running process, which answers for it"
        memory = Memory(home.memory)
        held.callback(memory.close)
        with memory.transaction() as db:
            count = audit.verify_chain(db)
        frozen = memory.frozen()
        if frozen:
            raise _Unwell(f"frozen: {frozen}")
        return f"audit log of {count} entries holds, {memory.highest_sequence()} releases"


def _swap() -> str:
    used = SWAPS.read_text().splitlines()[1:] if SWAPS.exists() else []
    if used:
        raise _Unwell(f"{len(used)} in use")
    return "none"


def _process(home: SignerHome, socket: Path) -> str:
    rules = home.load_rules()
    health = RemoteSigner(rules.name, socket).health()
    if health["name"] != rules.name:
        raise _Unwell(f"another signer listens there: {health['name']}")
    if health["rules_version"] != rules.version:
        raise _Unwell(f"it runs under rules version {health['rules_version']}, the file has {rules.version}")
    if health["frozen"]:
        raise _Unwell(f"frozen: {health['frozen']}")
    return f"answers; its highest sequence is {health['highest_sequence']}"


def _lease(lease: Path) -> str:
    FileLease(lease).require_held()
    return "held"

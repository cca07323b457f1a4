# A private PostgreSQL cluster for a test session: own folder, own socket, no network, gone afterwards.
import os
import pwd
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

BINARIES = (Path("/usr/lib/postgresql/15/bin"), Path("/usr/lib/postgresql/16/bin"), Path("/usr/lib/postgresql/17/bin"))
SERVER_OPTIONS = "-c listen_addresses= -c fsync=off -c synchronous_commit=off -c full_page_writes=off"


def find_binaries():
    for folder in BINARIES:
        if (folder / "initdb").exists():
            return folder
    found = shutil.which("initdb")
    return Path(found).parent if found else None


def can_run():
    return find_binaries() is not None and (os.geteuid() != 0 or _server_user() is not None)


@contextmanager
def running_postgres():
    """Start a cluster and yield a URL; the server refuses to run as root, so root hands it to user postgres."""
    binaries = find_binaries()
    user = _server_user() if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="mext-pg-", dir="/tmp"))
    if user is not None:
        os.chown(folder, user.pw_uid, user.pw_gid)
    identity = {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}

    def call(*command):
        subprocess.run(command, check=True, capture_output=True, cwd=folder, timeout=60, **identity)

    try:
        call(binaries / "initdb", "-D", folder / "cluster", "-U", "mext", "-A", "trust", "-E", "UTF8", "--no-sync")
        control = (binaries / "pg_ctl", "-D", folder / "cluster", "-w")
        log = ("-l", folder / "log")
        call(*control, *log, "-o", f"-k {folder} {SERVER_OPTIONS}", "start")
        try:
            yield f"postgresql://mext@/postgres?host={folder}"
        finally:
            call(*control, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _server_user():
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return None

"""Fetch Debian packages into a private folder: no root, nothing changes system-wide.

Rules:
    * apt checks the signatures of the archive; packages are unpacked, never installed or configured.
    * Downloaded packages stay in the folder, and their SHA-256 is written down at the first download;
      a cached package with another hash is refused from then on.
    * Programs run through the loader and the libraries that came along with them, since the packages
      of a newer suite do not fit the C library of the system.

Example:
    fetch_packages(AptRequest(("bitcoin-knots",), "sid", Path(".devnet/knots")), say=print_line)
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from custody.primitives.errors import NodeUnavailable, VerificationFailed

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
DEFAULT_MIRROR = "http://deb.debian.org/debian"  # plain http is safe here: apt verifies the signed index
MIRROR_VARIABLE = "DEBIAN_MIRROR"
DOWNLOAD_TIMEOUT_S = 600
CHECKSUMS_FILE = "SHA256SUMS"

Say = Callable[[str], None]


class PackageUnavailable(NodeUnavailable):
    """The packages of a local node cannot be fetched or unpacked here."""

    code = "package_unavailable"


class PackageChanged(VerificationFailed):
    """A cached package is not the one that was downloaded first."""

    code = "package_changed"


@dataclass(frozen=True, slots=True)
class AptRequest:
    """What to fetch.

    Attributes:
        packages: Debian package names; their dependencies come along.
        suite: Debian suite: "sid", "bookworm".
        folder: Private folder; holds `apt/`, `root/` and the checksum list.
    """

    packages: tuple[str, ...]
    suite: str
    folder: Path

    @property
    def archives(self) -> Path:
        """Where the .deb files are kept."""
        return self.folder / "apt" / "cache" / "archives"

    @property
    def root(self) -> Path:
        """Where they are unpacked."""
        return self.folder / "root"


def fetch_packages(request: AptRequest, *, say: Say) -> None:
    """Download packages with everything they need, verify the checksum list, unpack.

    Packages that are already in the folder are not downloaded again, so that a warm folder needs no network.

    Raises:
        PackageUnavailable: apt or dpkg is missing, or the download fails.
        PackageChanged: A cached package differs from its recorded SHA-256.
    """
    for program in ("apt-get", "dpkg-deb"):
        if shutil.which(program) is None:
            raise PackageUnavailable(f"{program} is not on this machine; a Debian or Ubuntu system is needed")
    if not (request.folder / CHECKSUMS_FILE).exists():
        _download(request, say)
        _record_checksums(request, say)
    _verify_checksums(request)
    for archive in sorted(request.archives.glob("*.deb")):
        _run(["dpkg-deb", "-x", str(archive), str(request.root)])
    say(f"unpacked into {request.root}")


def _download(request: AptRequest, say: Say) -> None:
    apt = request.folder / "apt"
    for folder in (apt / "state" / "lists" / "partial", request.archives / "partial", request.root):
        folder.mkdir(parents=True, exist_ok=True)
    # An empty status file makes apt treat nothing as installed: every library comes along. As a file of
    # ours it also puts apt's lock into this folder, which is why no root is needed.
    (apt / "status").write_text("")
    mirror = _mirror()
    (apt / "sources.list").write_text(f"deb [signed-by={KEYRING}] {mirror} {request.suite} main\n")
    settings = {
        "Dir::Etc::sourcelist": apt / "sources.list",
        "Dir::Etc::sourceparts": "-",
        "Dir::State": apt / "state",
        "Dir::Cache": apt / "cache",
        "Dir::State::status": apt / "status",
        "APT::Get::List-Cleanup": "0",
        "Acquire::Languages": "none",
        "APT::Sandbox::User": "root",  # no change of user: we own the folder
    }
    command = ["apt-get", *(part for key, value in settings.items() for part in ("-o", f"{key}={value}")), "-q"]
    say(f"asking {mirror} ({request.suite}) for {', '.join(request.packages)}")
    _run([*command, "update"])
    _run([*command, "-y", "--no-install-recommends", "--download-only", "install", *request.packages])


def _mirror() -> str:
    """Return the archive that this machine already uses; its own setting first."""
    chosen = os.environ.get(MIRROR_VARIABLE)
    if chosen:
        return chosen
    listed = _run(["apt-get", "indextargets", "--format", "$(SITE)", "Created-By: Packages"]).split()
    usable = sorted({site for site in listed if "security" not in site and site.startswith(("http:", "https:"))})
    return usable[0] if usable else DEFAULT_MIRROR


def _record_checksums(request: AptRequest, say: Say) -> None:
    archives = sorted(request.archives.glob("*.deb"))
    if not archives:
        raise PackageUnavailable(f"apt downloaded nothing for {', '.join(request.packages)}")
    lines = [f"{_sha256(archive)}  {archive.name}\n" for archive in archives]
    draft = request.folder / f"{CHECKSUMS_FILE}.part"
    draft.write_text("".join(lines))
    draft.replace(request.folder / CHECKSUMS_FILE)
    say(f"{len(archives)} packages, {sum(a.stat().st_size for a in archives) >> 20} MiB; SHA-256 in {CHECKSUMS_FILE}")


def _verify_checksums(request: AptRequest) -> None:
    lines = (request.folder / CHECKSUMS_FILE).read_text().splitlines()
    recorded = {name: checksum for checksum, _, name in (line.partition("  ") for line in lines)}
    present = {archive.name: _sha256(archive) for archive in request.archives.glob("*.deb")}
    changed = sorted(name for name in recorded.keys() | present.keys() if recorded.get(name) != present.get(name))
    if changed:
        raise PackageChanged(f"{request.folder}: not the packages of the first download: {', '.join(changed)}")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _run(command: list[str]) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - fixed programs, no shell
            command, capture_output=True, text=True, timeout=DOWNLOAD_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PackageUnavailable(f"{command[0]}: {error}") from error
    if done.returncode != 0:
        raise PackageUnavailable(f"{command[0]} ended with {done.returncode}: {done.stderr.strip()[-800:]}")
    return done.stdout

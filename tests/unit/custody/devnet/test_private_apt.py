import hashlib

import pytest

from custody.devnet import private_apt
from custody.devnet.core_node import install_command
from custody.devnet.knots import KNOTS, install_knots
from custody.devnet.private_apt import AptRequest, PackageChanged, PackageUnavailable, fetch_packages


@pytest.fixture
def warm(tmp_path, monkeypatch):
    # A folder as a first download leaves it; dpkg-deb is recorded instead of run.
    request = AptRequest(("package",), "sid", tmp_path)
    request.archives.mkdir(parents=True)
    (request.archives / "one.deb").write_bytes(b"one")
    (request.archives / "two.deb").write_bytes(b"two")
    lines = [f"{hashlib.sha256(name.encode()).hexdigest()}  {name}.deb\n" for name in ("one", "two")]
    (tmp_path / "SHA256SUMS").write_text("".join(lines))
    monkeypatch.setattr(private_apt.shutil, "which", lambda program: f"/usr/bin/{program}")
    ran = []
    monkeypatch.setattr(private_apt, "_run", lambda command: ran.append(command) or "")
    return request, ran


def silent(_):
    pass


def test_refuses_a_cached_package_that_changed(warm):
    request, ran = warm
    (request.archives / "two.deb").write_bytes(b"evil")
    with pytest.raises(PackageChanged, match=r"two\.deb"):
        fetch_packages(request, say=silent)
    assert ran == []


def test_refuses_a_package_that_was_added(warm):
    request, ran = warm
    (request.archives / "three.deb").write_bytes(b"three")
    with pytest.raises(PackageChanged, match=r"three\.deb"):
        fetch_packages(request, say=silent)
    assert ran == []


def test_refuses_a_package_that_is_missing(warm):
    request, _ = warm
    (request.archives / "one.deb").unlink()
    with pytest.raises(PackageChanged, match=r"one\.deb"):
        fetch_packages(request, say=silent)


def test_a_machine_without_apt_is_told_so(warm, monkeypatch):
    monkeypatch.setattr(private_apt.shutil, "which", lambda _: None)
    with pytest.raises(PackageUnavailable, match="apt-get"):
        fetch_packages(warm[0], say=silent)


def test_a_download_of_nothing_is_refused_and_recorded_nowhere(tmp_path, warm):
    request = AptRequest(("package",), "sid", tmp_path / "cold")
    with pytest.raises(PackageUnavailable, match="nothing"):
        fetch_packages(request, say=silent)
    assert not (request.folder / "SHA256SUMS").exists()


def test_a_warm_folder_asks_no_network(warm):
    request, ran = warm
    fetch_packages(request, say=silent)
    assert [command[:2] for command in ran] == [["dpkg-deb", "-x"], ["dpkg-deb", "-x"]]


def test_the_download_stays_in_its_folder_and_checks_signatures(tmp_path, warm):
    request, ran = AptRequest(("package",), "sid", tmp_path / "cold"), warm[1]
    with pytest.raises(PackageUnavailable):
        fetch_packages(request, say=silent)
    apt = [" ".join(command) for command in ran if command[0] == "apt-get" and "indextargets" not in command]
    assert len(apt) == 2
    assert all(f"Dir::State={request.folder}/apt/state" in line for line in apt)
    assert not any("allow-unauthenticated" in line.lower() for line in apt)
    assert "signed-by=" in (request.folder / "apt" / "sources.list").read_text()


def test_the_environment_may_name_the_mirror(tmp_path, warm, monkeypatch):
    monkeypatch.setenv("DEBIAN_MIRROR", "http://mirror.example/debian")
    request = AptRequest(("package",), "sid", tmp_path / "cold")
    with pytest.raises(PackageUnavailable):
        fetch_packages(request, say=silent)
    assert "http://mirror.example/debian sid main" in (request.folder / "apt" / "sources.list").read_text()


def test_a_node_that_is_not_installed_is_none(tmp_path, monkeypatch):
    monkeypatch.setenv("MEXT_KNOTS", str(tmp_path / "empty"))
    assert KNOTS.find() is None
    (tmp_path / "bitcoind").write_text("")
    assert KNOTS.find(tmp_path) == tmp_path / "bitcoind"


def test_the_command_ends_with_one_where_it_cannot_install(tmp_path, warm, monkeypatch, capsys):
    monkeypatch.setattr(private_apt.shutil, "which", lambda _: None)
    assert install_command(KNOTS, install_knots, ["install", "--folder", str(tmp_path / "k")]) == 1
    assert "apt-get" in capsys.readouterr().err

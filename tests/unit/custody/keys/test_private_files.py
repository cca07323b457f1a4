import os

import pytest

from custody.keys.private_files import make_private_folder, read_private, replace_private, require_private_folder
from custody.primitives.errors import NotFound, Refused


@pytest.mark.parametrize("mode", [0o755, 0o750, 0o701])
def test_a_folder_open_to_others_is_refused(tmp_path, mode):
    folder = tmp_path / "home"
    make_private_folder(folder)
    folder.chmod(mode)
    with pytest.raises(Refused):
        make_private_folder(folder)


def test_a_file_a_link_and_nothing_are_no_folder(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "link").symlink_to(tmp_path)
    for name in ("file", "link"):
        with pytest.raises(Refused):
            require_private_folder(tmp_path / name)
    with pytest.raises(NotFound):
        require_private_folder(tmp_path / "absent")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a file away")
def test_a_file_of_another_user_is_refused(tmp_path):
    replace_private(tmp_path / "file", b"x")
    os.chown(tmp_path / "file", 65534, 65534)
    with pytest.raises(Refused, match="another user"):
        read_private(tmp_path / "file", 10)


def test_a_replacement_is_whole_private_and_leaves_no_draft(tmp_path):
    replace_private(tmp_path / "file", b"old")
    replace_private(tmp_path / "file", b"new")
    assert read_private(tmp_path / "file", 3) == b"new"
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_pipe_in_place_of_a_file_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(Refused, match="plain file"):
        read_private(tmp_path / "pipe", 10)

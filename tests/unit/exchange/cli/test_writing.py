import pytest
from typer.testing import CliRunner

from custody.primitives.errors import InvalidInput
from exchange.cli.exit_codes import exit_code
from exchange.cli.main import app
from exchange.cli.writing import NotWritable, make_folder, write_file


def test_a_file_in_a_folder_that_is_not_there_is_unusable_input_that_names_it(tmp_path):
    path = tmp_path / "missing" / "file"
    with pytest.raises(NotWritable, match=f"{path}: No such file or directory") as caught:
        write_file(path, "text")
    assert isinstance(caught.value, InvalidInput)
    assert exit_code(caught.value) == 2


def test_a_folder_where_a_file_stands_is_unusable_input(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(NotWritable, match="file"):
        make_folder(tmp_path / "file" / "run")
    with pytest.raises(NotWritable, match="file"):
        make_folder(tmp_path / "file")


def test_commands_that_write_say_so_in_one_line(tmp_path):
    for arguments in (["por", "verifier", tmp_path / "no" / "file"], ["devnet", "up", "--folder", "/dev/null/run"]):
        assert isinstance(CliRunner().invoke(app, [str(each) for each in arguments]).exception, NotWritable)


def test_what_was_asked_for_is_written(tmp_path):
    make_folder(tmp_path / "one" / "two")
    make_folder(tmp_path / "one" / "two")
    write_file(tmp_path / "one" / "two" / "file", "text")
    assert (tmp_path / "one" / "two" / "file").read_text() == "text"

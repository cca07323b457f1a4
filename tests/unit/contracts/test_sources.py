import pytest

from contracts.sources import LIBRARY_FOLDER, imports_of, own_units, read_units, resolve_import


@pytest.mark.parametrize(
    "text",
    [
        '// import "./A.sol";',
        '/* import "./A.sol"; */',
        '/*\nimport "./A.sol";\n*/',
        'string constant S = "import";',
    ],
)
def test_what_only_looks_like_an_import_is_none(text):
    assert list(imports_of(text)) == []


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ('import "./A.sol";', "./A.sol"),
        ("import {A} from '../A.sol';", "../A.sol"),
        ('import {\n    A,\n    B\n} from "./A.sol";', "./A.sol"),
        ('import * as A from "@x/A.sol"; // why', "@x/A.sol"),
    ],
)
def test_finds_every_form_of_import(text, path):
    assert list(imports_of(text)) == [path]


@pytest.mark.parametrize(
    ("importer", "path", "unit"),
    [
        ("contracts/src/A.sol", "./B.sol", "contracts/src/B.sol"),
        ("contracts/src/listing/A.sol", "../B.sol", "contracts/src/B.sol"),
        ("contracts/src/A.sol", "@openzeppelin/contracts/utils/B.sol", f"{LIBRARY_FOLDER}utils/B.sol"),
        ("contracts/src/A.sol", "contracts/src/B.sol", "contracts/src/B.sol"),
    ],
)
def test_names_units_by_their_path_in_the_repository(importer, path, unit):
    assert resolve_import(importer, path) == unit


def test_refuses_a_unit_that_does_not_exist():
    with pytest.raises(FileNotFoundError):
        read_units(("contracts/src/Missing.sol",))


def test_reads_everything_that_is_imported_sorted_by_name():
    units = read_units(own_units())
    assert list(units) == sorted(units)
    for unit, text in units.items():
        assert {resolve_import(unit, path) for path in imports_of(text)} <= units.keys()

import pytest
from simulators.reserves_world import BTC, VECTORS, VERDICTS, bytes_of, python_verdict, vector_b

from custody.primitives.errors import InvalidAmount
from custody.reserves.builder import cut_user_proof
from custody.reserves.strict_json import ProofTooLarge, ProofUnusable
from custody.reserves.verify import MAX_CLAIMS, verify_file, verify_proof


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_vector_ends_as_written(case):
    assert python_verdict(case) == case["want"]


def test_nine_of_ten_vectors_are_refused():
    refused = [case for case in VECTORS["cases"] if case["want"] not in VERDICTS]
    assert len(refused) * 10 >= len(VECTORS["cases"]) * 9


@pytest.mark.parametrize("raw", [b"\xff\xfe", b'{"format":"\xed\xa0\x80"}', b"\x00"])
def test_refuses_bytes_that_are_no_text(raw):
    with pytest.raises(ProofUnusable):
        verify_proof(raw, "u3@x", {BTC: 1}, None)


def test_refuses_more_claims_than_anybody_has():
    proof = cut_user_proof(vector_b(), "u3@x")
    proof["claims"] = [0] * (MAX_CLAIMS + 1)
    with pytest.raises(ProofTooLarge):
        verify_proof(bytes_of(proof), "u3@x", {BTC: 1}, None)


@pytest.mark.parametrize("units", [True, "1", 1.0])
def test_refuses_figure_that_is_no_integer(units):
    with pytest.raises(InvalidAmount):
        verify_proof(b"{}", "u3@x", {BTC: units}, None)


def test_refuses_file_that_is_not_there(tmp_path):
    with pytest.raises(ProofUnusable):
        verify_file(tmp_path / "absent.json", "u3@x", {BTC: 1}, None)


def test_file_and_bytes_give_the_same_report(tmp_path):
    built = vector_b()
    raw = bytes_of(cut_user_proof(built, "u3@x"))
    (tmp_path / "proof.json").write_bytes(raw)
    arguments = ("u3@x", {BTC: 1}, built.statement.digest.hex())
    assert verify_file(tmp_path / "proof.json", *arguments) == verify_proof(raw, *arguments)

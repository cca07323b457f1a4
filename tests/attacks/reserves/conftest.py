import pytest
from simulators.reserves_world import VECTORS, VERDICTS, javascript_verdicts, python_verdict


@pytest.fixture(scope="session")
def refused(tmp_path_factory):
    # refused("r01"): every forgery of this attack is refused by both verifiers, with the code written beside it.
    javascript = javascript_verdicts(tmp_path_factory.mktemp("verifier"))

    def check(attack, *codes):
        chosen = [
            (case, ours)
            for case, ours in zip(VECTORS["cases"], javascript, strict=True)
            if case["name"].startswith(attack) and case["want"] not in VERDICTS
        ]
        assert chosen
        for case, ours in chosen:
            assert (python_verdict(case), ours) == (case["want"], case["want"]), case["name"]
        assert {case["want"] for case, _ in chosen} == set(codes)

    return check

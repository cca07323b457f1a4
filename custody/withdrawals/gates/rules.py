"""How old evidence may be, and what an installation asks of proof and fund: `gates.json` of an installation.

Rules:
    * Every field is required and no other is allowed: a misspelt limit is no limit.
    * Nothing here switches a gate off. What a young house cannot show yet (its first statement of reserves, a
      protection fund) is asked for from a time on, and that time is part of the evidence.

Example:
    rules = parse_rules(path.read_bytes())
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields

from custody.primitives.errors import InvalidInput, MalformedPayload

FORMAT = "mext/gate-rules/1"
DAY_S = 86_400
PPM = 1_000_000


@dataclass(frozen=True, slots=True)
class GateRules:
    """The limits of the nine gates.

    Attributes:
        first_proof_due_s: Before this time the house needs no statement of reserves; seconds since 1970 UTC.
        max_proof_age_s: How old the newest statement may be afterwards.
        fund_from_s: From when a protection fund is asked for; None where the house promises none.
        fund_ppm: How much of what lies hot the fund must cover, in millionths.
        min_signers: Fewest signatures of a wallet.
        min_organisations: Fewest organisations among those who approve, where people are asked.
        max_keys_age_s: How long ago enough signers may have shown their keys.
        max_books_age_s: How long ago chain and books may have been compared.
        max_contract_age_s: How long ago the wallet on chain may have been compared with its registration.
        max_monitor_age_s: How long ago the monitor may have said that it lives.
        max_heads_age_s: How long ago enough signers may have told the head of their audit log.
        has_unwatched_tokens: Tokens whose chain and books nobody compares may be paid all the same.
    """

    first_proof_due_s: int
    max_proof_age_s: int = 32 * DAY_S
    fund_from_s: int | None = None
    fund_ppm: int = PPM
    min_signers: int = 2
    min_organisations: int = 1
    max_keys_age_s: int = 60
    max_books_age_s: int = 60
    max_contract_age_s: int = 60
    max_monitor_age_s: int = 10
    max_heads_age_s: int = 60
    has_unwatched_tokens: bool = True

    def __post_init__(self) -> None:
        whole = [each.name for each in fields(self) if each.name not in ("fund_from_s", "has_unwatched_tokens")]
        for name in whole:
            value = getattr(self, name)
            if type(value) is not int or value < (0 if name == "first_proof_due_s" else 1):
                raise InvalidInput(f"gate rules: {name} = {value!r} is no whole number above zero", field=name)
        if self.fund_from_s is not None and (type(self.fund_from_s) is not int or self.fund_from_s < 0):
            raise InvalidInput("gate rules: fund_from_s is a time or null", field="fund_from_s")
        if type(self.has_unwatched_tokens) is not bool:
            raise InvalidInput("gate rules: has_unwatched_tokens is true or false", field="has_unwatched_tokens")


def encode_rules(rules: GateRules) -> bytes:
    """Write them as JSON."""
    return json.dumps({"format": FORMAT, **asdict(rules)}, indent=2).encode() + b"\n"


def parse_rules(raw: bytes) -> GateRules:
    """Read them.

    Raises:
        MalformedPayload: Not JSON of this format, a field is missing or unknown.
        InvalidInput: A value is none.
    """
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise MalformedPayload(f"gate rules: not JSON: {error}") from error
    if not isinstance(found, dict) or found.pop("format", None) != FORMAT:
        raise MalformedPayload(f"gate rules: not {FORMAT}")
    names = {each.name for each in fields(GateRules)}
    if set(found) != names:
        wrong = ", ".join(sorted(set(found) ^ names))
        raise MalformedPayload(f"gate rules: every field is needed and no other: {wrong}")
    return GateRules(**found)

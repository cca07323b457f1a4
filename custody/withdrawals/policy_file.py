"""A policy as people write it: YAML or JSON, read strictly.

Rules:
    * An unknown key, a missing key or a value of the wrong type is refused; a typing error never widens a rule.
    * Amounts are base units as whole numbers; a number with a point is refused.
    * What is read is linted before it is returned.

Example:
    policy = load_policy(Path("policy.yaml"))
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

import yaml

from custody.primitives.chain import ChainId
from custody.withdrawals.errors import InvalidPolicy
from custody.withdrawals.facts import DestinationKind, Kind, Scope, Tier
from custody.withdrawals.policy_lint import verify_policy
from custody.withdrawals.rules import (
    APPROVAL_MAX_AGE_S,
    BOOK_COOL_DOWN_S,
    INTENT_TTL_S,
    MAX_PRICE_AGE_S,
    Effect,
    Group,
    Limit,
    Match,
    Policy,
    Rule,
)

MAX_FILE_BYTES = 1 << 20
"""One mebibyte: room for some thousand rules."""

E = TypeVar("E", bound=StrEnum)


def load_policy(path: Path) -> Policy:
    """Read and lint a policy file.

    Raises:
        InvalidPolicy: Not readable, not such a file, or it has faults.
    """
    try:
        text = path.read_bytes()
        if len(text) > MAX_FILE_BYTES:
            raise InvalidPolicy(f"{path.name}: longer than {MAX_FILE_BYTES} bytes")
        return policy_from(yaml.safe_load(text))
    except (OSError, yaml.YAMLError) as error:
        raise InvalidPolicy(f"{path.name}: {error}") from error


def policy_from(source: object) -> Policy:
    """Make a policy from plain values, as YAML or JSON give them.

    Raises:
        InvalidPolicy: Not such values, or the policy has faults.
    """
    fields = _Fields(source, "policy")
    policy = Policy(
        version=fields.whole("version"),
        rules=tuple(_rule(item, f"rule {index}") for index, item in enumerate(fields.items("rules"))),
        fee_caps={ChainId(chain): cap for chain, cap in fields.whole_by_name("fee_caps").items()},
        book_cool_down_s=fields.whole("book_cool_down_s", BOOK_COOL_DOWN_S),
        max_price_age_s=fields.whole("max_price_age_s", MAX_PRICE_AGE_S),
        intent_ttl_s=fields.whole("intent_ttl_s", INTENT_TTL_S),
        approval_max_age_s=fields.whole("approval_max_age_s", APPROVAL_MAX_AGE_S),
    )
    fields.require_empty()
    verify_policy(policy)
    return policy


def _rule(source: object, where: str) -> Rule:
    fields = _Fields(source, where)
    rule = Rule(
        name=fields.text("name"),
        effect=_member(Effect, fields.text("effect"), where),
        match=_match(fields.optional("match", {}), f"{where}.match"),
        groups=tuple(_group(item, f"{where}.groups") for item in fields.items("groups", [])),
        limits=tuple(_limit(item, f"{where}.limits") for item in fields.items("limits", [])),
        delay_s=fields.whole("delay_s", 0),
    )
    fields.require_empty()
    return rule


def _match(source: object, where: str) -> Match:
    fields = _Fields(source, where)
    match = Match(
        assets=fields.names("assets"),
        kinds=_members(Kind, fields.names("kinds"), where),
        sources=_members(Tier, fields.names("sources"), where),
        destinations=_members(DestinationKind, fields.names("destinations"), where),
        min_kyc_level=fields.whole("min_kyc_level", 0),
        min_units=fields.whole("min_units", 0),
        min_reference_micros=fields.whole_or_none("min_reference_micros"),
    )
    fields.require_empty()
    return match


def _group(source: object, where: str) -> Group:
    fields = _Fields(source, where)
    group = Group(fields.text("name"), fields.names("approvers") or frozenset(), fields.whole("threshold"))
    fields.require_empty()
    return group


def _limit(source: object, where: str) -> Limit:
    fields = _Fields(source, where)
    limit = Limit(
        scope=_member(Scope, fields.text("scope"), where),
        window_s=fields.whole("window_s"),
        max_units=fields.whole_or_none("max_units"),
        max_reference_micros=fields.whole_or_none("max_reference_micros"),
    )
    fields.require_empty()
    return limit


def _member(kind: type[E], text: str, where: str) -> E:
    try:
        return kind(text)
    except ValueError:
        raise InvalidPolicy(f"{where}: {text!r} is none of {', '.join(kind)}") from None


def _members(kind: type[E], names: frozenset[str] | None, where: str) -> frozenset[E] | None:
    return None if names is None else frozenset(_member(kind, name, where) for name in names)


class _Fields:
    """The fields of one mapping, taken out one by one; what is left over is a fault."""

    def __init__(self, source: object, where: str) -> None:
        if not isinstance(source, Mapping) or not all(isinstance(key, str) for key in source):
            raise InvalidPolicy(f"{where}: a mapping with text keys is needed")
        self._left = dict(source)
        self._where = where

    def optional(self, name: str, default: object) -> object:
        return self._left.pop(name, default)

    def text(self, name: str) -> str:
        value = self._left.pop(name, None)
        if not isinstance(value, str) or not value:
            raise InvalidPolicy(f"{self._where}: {name} must be text")
        return value

    def whole(self, name: str, default: int | None = None) -> int:
        value = self._left.pop(name, default)
        if type(value) is not int:  # neither true nor 1.0 is a whole number
            raise InvalidPolicy(f"{self._where}: {name} must be a whole number")
        return value

    def whole_or_none(self, name: str) -> int | None:
        return self.whole(name) if name in self._left else None

    def whole_by_name(self, name: str) -> dict[str, int]:
        inner = _Fields(self._left.pop(name, None), f"{self._where}.{name}")
        return {key: inner.whole(key) for key in list(inner._left)}

    def items(self, name: str, default: list[object] | None = None) -> list[object]:
        value = self._left.pop(name, default)
        if not isinstance(value, list):
            raise InvalidPolicy(f"{self._where}: {name} must be a list")
        return value

    def names(self, name: str) -> frozenset[str] | None:
        if name not in self._left:
            return None
        values = self.items(name)
        if not all(isinstance(value, str) for value in values):
            raise InvalidPolicy(f"{self._where}: {name} must be a list of text")
        return frozenset(str(value) for value in values)

    def require_empty(self) -> None:
        if self._left:
            raise InvalidPolicy(f"{self._where}: unknown {', '.join(sorted(self._left))}")

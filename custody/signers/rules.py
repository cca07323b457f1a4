"""A signer's own rules: who approves, what a fee may be, how fast value may leave, which wallets exist.

Rules:
    * They live in the signer's folder; nothing in a request can widen them.
    * Default deny: a chain without a fee cap, an asset without a bucket, a wallet without registration
      is refused.
    * Parsing is strict: an unknown field is an error, since a misspelt limit is no limit.

Example:
    rules = parse_rules(read_private(home / "rules.json", MAX_RULES_BYTES))
    rules.quorum_for("cold-btc").threshold
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from custody.keys.material import Curve, PublicKey
from custody.keys.quorum import QuorumRule, Roster, RosterMember
from custody.keys.strict_json import Fields, parse_plain
from custody.primitives.errors import MalformedPayload, Refused

RULES_FORMAT = "mext/signer-rules/1"
MAX_RULES_BYTES = 1 << 20
MAX_ROSTER = 200


@dataclass(frozen=True, slots=True)
class Bucket:
    """A token bucket: how much of one asset may leave through this signer.

    Attributes:
        capacity: Most at once, in base units.
        refill_per_hour: Base units that come back per hour.
    """

    capacity: int
    refill_per_hour: int


@dataclass(frozen=True, slots=True)
class Rules:
    """The rule file.

    Attributes:
        name: The signer's name, as it appears in answers and logs.
        version: Number of the rule file, from 1.
        frozen: True: sign nothing. (The freeze command sets another flag, in the memory.)
        quorum: Who must approve unless the wallet has a rule of its own.
        wallet_quorums: Rules of single wallets, by id.
        destinations: Wallets that may pay only these address texts; a wallet not listed may pay any.
        own_moves: Wallets that may move funds within themselves without an intent (sweep, consolidation).
        fee_caps: Most one transaction may cost, by chain, in base units of its native coin.
        buckets: By asset key ("bitcoin/native").
    """

    name: str
    version: int
    frozen: bool
    quorum: QuorumRule
    wallet_quorums: Mapping[str, QuorumRule]
    destinations: Mapping[str, frozenset[str]]
    own_moves: frozenset[str]
    fee_caps: Mapping[str, int]
    buckets: Mapping[str, Bucket]

    def quorum_for(self, wallet_id: str) -> QuorumRule:
        """The quorum that a payment from this wallet needs."""
        return self.wallet_quorums.get(wallet_id, self.quorum)

    def fee_cap(self, chain: str) -> int:
        """Most a transaction on this chain may cost, in base units.

        Raises:
            Refused: No cap is set.
        """
        try:
            return self.fee_caps[chain]
        except KeyError:
            raise Refused(f"no fee cap is set for {chain}", chain=chain) from None

    def bucket(self, asset_key: str) -> Bucket:
        """The bucket of an asset.

        Raises:
            Refused: None is set: this signer does not move the asset.
        """
        try:
            return self.buckets[asset_key]
        except KeyError:
            raise Refused(f"no limit is set for {asset_key}: this signer does not move it", asset=asset_key) from None


def parse_rules(raw: bytes) -> Rules:
    """Read a rule file.

    Args:
        raw: JSON; see docs/signers.md for every field.

    Raises:
        MalformedPayload: A field is missing, unknown or of a wrong shape.
        InvalidInput: The roster contradicts itself.
    """
    fields = Fields(parse_plain(raw, MAX_RULES_BYTES, "rules"), "rules")
    fields.only(
        "format", "name", "version", "frozen", "roster", "quorum",
        "wallet_quorums", "destinations", "own_moves", "fee_caps", "buckets",
    )  # fmt: skip
    if fields.text("format") != RULES_FORMAT or fields.integer("version") < 1 or not fields.text("name"):
        raise MalformedPayload(f"rules: not {RULES_FORMAT} with a name and a version from 1")
    roster = Roster(tuple(_parse_member(item) for item in fields.each("roster", MAX_ROSTER)))
    wallet_quorums, destinations = fields.fields("wallet_quorums"), fields.fields("destinations")
    fee_caps, buckets = fields.fields("fee_caps"), fields.fields("buckets")
    return Rules(
        name=fields.text("name"),
        version=fields.integer("version"),
        frozen=fields.flag("frozen"),
        quorum=_parse_quorum(fields.fields("quorum"), roster),
        wallet_quorums={name: _parse_quorum(wallet_quorums.fields(name), roster) for name in wallet_quorums.values},
        destinations={name: frozenset(destinations.texts(name)) for name in destinations.values},
        own_moves=frozenset(fields.texts("own_moves")),
        fee_caps={chain: fee_caps.units(chain) for chain in fee_caps.values},
        buckets={key: _parse_bucket(buckets.fields(key)) for key in buckets.values},
    )


def _parse_member(fields: Fields) -> RosterMember:
    fields.only("approver", "public_key", "person", "organisation")
    key = PublicKey(Curve.ED25519, fields.raw("public_key"))
    return RosterMember(fields.text("approver"), key, fields.text("person"), fields.text("organisation"))


def _parse_quorum(fields: Fields, roster: Roster) -> QuorumRule:
    fields.only("threshold", "max_age_s", "min_organisations")
    return QuorumRule(
        roster, fields.integer("threshold"), fields.integer("max_age_s"), fields.integer("min_organisations")
    )


def _parse_bucket(fields: Fields) -> Bucket:
    fields.only("capacity", "refill_per_hour")
    return Bucket(fields.units("capacity"), fields.units("refill_per_hour"))

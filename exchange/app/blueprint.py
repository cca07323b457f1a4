"""The public description of an installation: chains, wallets, assets, markets. No secret stands in it.

Written once by provisioning, read at every start; unknown, missing or mistyped fields stop the start.

Example:
    blueprint = load_blueprint(home.blueprint)
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from custody.primitives.errors import InvalidInput, NotFound

FORMAT = "mext/blueprint/1"


class InvalidBlueprint(InvalidInput):
    """The file is not a blueprint; the message says where."""

    code = "invalid_blueprint"


@dataclass(frozen=True, slots=True)
class ChainSpec:
    """How to reach one chain: id, what answers there ("node", "VM"...), address, cookie file or "".

    What lay on the wallets when they were opened, in base units, and the first block that can hold a deposit.
    A second node's address and cookie file, where there is one: what the two do not agree on is not credited.
    """

    chain: str
    evidence: str
    url: str
    cookie: str = ""
    second_url: str = ""
    second_cookie: str = ""
    opening_units: str = "0"
    born_height: int = 0


@dataclass(frozen=True, slots=True)
class MemberSpec:
    """One key of a multisig.

    Attributes:
        signer: Who holds it: name of a signer process, or of a cold key.
        path: Derivation path in the holder's seed.
        key: "[fingerprint/path]xpub" for UTXO chains, else the public key in hex.
    """

    signer: str
    path: str
    key: str


@dataclass(frozen=True, slots=True)
class WalletSpec:
    """One wallet.

    Attributes:
        id: Its name, e.g. "hot-btc".
        tier: "hot", "warm" or "cold".
        chain: The network.
        threshold: Signatures needed.
        members: The keys.
        service: Further public keys by name, as the family needs them.
    """

    id: str
    tier: str
    chain: str
    threshold: int
    members: tuple[MemberSpec, ...]
    service: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AssetSpec:
    """An asset of the ledger: symbol, decimals, chain, contract or None, number, exponent of its quantum."""

    symbol: str
    decimals: int
    chain: str
    contract: str | None
    number: int
    exponent: int


@dataclass(frozen=True, slots=True)
class MarketSpec:
    """A market: symbol, number, the two assets, tick, lot, lowest price, and whether a vote opens it."""

    symbol: str
    number: int
    base: str
    quote: str
    tick: str
    lot: str
    lowest: str
    by_vote: bool = False


@dataclass(frozen=True, slots=True)
class StaffSpec:
    """Someone who may approve: id and Ed25519 public key in hex, the person and the organisation behind it."""

    approver: str
    key: str
    person: str
    organisation: str


@dataclass(frozen=True, slots=True)
class Blueprint:
    """Everything public about an installation.

    Attributes:
        label: Shown on every page: what kind of network this is.
        exchange: Name that reserve statements carry.
        signers: Names of the signer processes.
        sender: Name of the signer that pays fees and sweeps.
        solana_deposits: Number of Solana deposit accounts opened so far.
    """

    label: str
    exchange: str
    signers: tuple[str, ...]
    sender: str
    solana_deposits: int
    staff: tuple[StaffSpec, ...]
    chains: tuple[ChainSpec, ...]
    wallets: tuple[WalletSpec, ...]
    assets: tuple[AssetSpec, ...]
    markets: tuple[MarketSpec, ...]

    def chain(self, chain: str) -> ChainSpec:
        """The entry of a chain.

        Raises:
            InvalidBlueprint: There is none.
        """
        for spec in self.chains:
            if spec.chain == chain:
                return spec
        raise InvalidBlueprint(f"blueprint: no chain {chain!r}")


S = TypeVar("S", StaffSpec, ChainSpec, MemberSpec, WalletSpec, AssetSpec, MarketSpec, Blueprint)
_TYPES: Mapping[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "bool": (bool,),
    "str | None": (str, type(None)),
    "Mapping[str, str]": (dict,),
}


def save_blueprint(path: Path, blueprint: Blueprint) -> None:
    """Write it as JSON."""
    path.write_text(json.dumps({"format": FORMAT, **asdict(blueprint)}, indent=2, default=dict) + "\n")


def load_blueprint(path: Path) -> Blueprint:
    """Read it.

    Raises:
        NotFound: Nothing was provisioned here.
        InvalidBlueprint: Damaged, of another format, or with unknown, missing or mistyped fields.
    """
    try:
        raw = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise NotFound(
            f"{path}: nothing is provisioned here; --home names another folder, mext demo makes one"
        ) from error
    except ValueError as error:
        raise InvalidBlueprint(f"{path}: not JSON: {error}") from error
    if not isinstance(raw, dict) or raw.pop("format", None) != FORMAT:
        raise InvalidBlueprint(f"{path}: not {FORMAT}")
    try:
        parts = {
            "signers": _texts(raw["signers"]),
            "staff": tuple(_typed(StaffSpec, item) for item in raw["staff"]),
            "chains": tuple(_typed(ChainSpec, item) for item in raw["chains"]),
            "wallets": tuple(_wallet(item) for item in raw["wallets"]),
            "assets": tuple(_typed(AssetSpec, item) for item in raw["assets"]),
            "markets": tuple(_typed(MarketSpec, item) for item in raw["markets"]),
        }
        return _typed(Blueprint, {**raw, **parts})
    except (KeyError, TypeError) as error:
        raise InvalidBlueprint(f"{path}: {error}") from error


def _wallet(item: dict[str, Any]) -> WalletSpec:
    spec = _typed(WalletSpec, {**item, "members": tuple(_typed(MemberSpec, member) for member in item["members"])})
    _texts(list({**spec.service}.values()))
    return spec


def _texts(items: object) -> tuple[str, ...]:
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise TypeError(f"{items!r} is not a list of texts")
    return tuple(items)


def _typed(spec: type[S], item: Mapping[str, Any]) -> S:
    made = spec(**item)
    for each in fields(made):
        allowed, value = _TYPES.get(str(each.type)), getattr(made, each.name)
        if allowed is not None and type(value) not in allowed:  # a bool is an int to isinstance
            raise TypeError(f"{spec.__name__}: {each.name} = {value!r} is not {each.type}")
    return made

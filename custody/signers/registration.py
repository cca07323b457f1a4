"""A wallet as this signer knows it: the public registration, and which of its keys are ours.

Rules:
    * The registration is written once, by `provision`, into the signer's folder; no request changes it.
    * `our_paths` names our keys: "member" serves the multisig role, every other name the sender role.
    * A key below one of our paths by unhardened steps is ours too (change and index, deposit addresses).

Example:
    wallet = parse_wallet(raw)
    wallet.require_ours("m/48h/1h/0h/2h/0/5", SigningRole.MEMBER)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from custody.keys.material import SigningRole
from custody.keys.paths import HARDENED, format_path, parse_path, steps_below
from custody.keys.strict_json import Fields, parse_plain
from custody.primitives.chain import ChainId
from custody.primitives.errors import MalformedPayload, Refused

MAX_REGISTRATION_BYTES = 256 << 10
MAX_STEPS_BELOW = 2
"""Change and index."""
MEMBER_PATH = "member"


@dataclass(frozen=True, slots=True)
class RegisteredWallet:
    """One registered wallet.

    Attributes:
        id: Id of the wallet.
        family: Chooses the decoder.
        chain: The network it lives on.
        roles: What this signer may sign for it.
        our_paths: Name of a key -> its derivation path in canonical text.
        registration: All fields, as the wallet wrote them, for the decoder.
    """

    id: str
    family: str
    chain: ChainId
    roles: frozenset[SigningRole]
    our_paths: Mapping[str, str]
    registration: Mapping[str, object]

    def require_ours(self, path: str, role: SigningRole) -> str:
        """Return the one of our paths that a key belongs to.

        Raises:
            Refused: The key is not ours in this role.
        """
        for name, ours in self.our_paths.items():
            below = steps_below(ours, path) if role_of(name) is role else None
            if below is not None and len(below) <= MAX_STEPS_BELOW and all(step < HARDENED for step in below):
                return ours
        raise Refused(f"wallet {self.id}: {path} is not one of our keys for role {role}", wallet=self.id, path=path)


def role_of(name: str) -> SigningRole:
    """The role that a named key serves."""
    return SigningRole.MEMBER if name == MEMBER_PATH else SigningRole.SENDER


def parse_wallet(raw: bytes) -> RegisteredWallet:
    """Read a registration.

    Raises:
        MalformedPayload: A field that every family has is missing or of a wrong shape.
        InvalidPath: One of our paths is malformed.
    """
    values = parse_plain(raw, MAX_REGISTRATION_BYTES, "registration")
    fields = Fields(values, "registration")
    paths = fields.fields("our_paths")
    our_paths = {name: format_path(parse_path(paths.text(name))) for name in paths.values}
    try:
        roles = frozenset(SigningRole(role) for role in fields.texts("roles"))
    except ValueError as error:
        raise MalformedPayload("registration: a role is member or sender") from error
    if not roles or not roles <= {role_of(name) for name in our_paths}:
        raise MalformedPayload("registration: every role needs a path of ours, and there must be one")
    return RegisteredWallet(
        id=fields.text("id"),
        family=fields.text("family"),
        chain=ChainId(fields.text("chain")),
        roles=roles,
        our_paths=our_paths,
        registration=values,
    )

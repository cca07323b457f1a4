"""Signing an ownership text: the registration proves the address, our key signs.

Rules:
    * A key signs for what it controls: a member for the wallet, a deposit key for its own account. A signer
      that merely pays fees controls no coins.
    * The address is derived anew from the registration, on the registered chain, before anything is signed.
    * Shared by the signer process and by a key that lies in a cold room; only the process asks for approvals.

Example:
    place = decoder.owned_place(request.address)
    own(request, wallet, place, keyring).signature
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from custody.keys.material import SigningRole
from custody.primitives.encoding import Json, canonical_json
from custody.primitives.errors import Refused
from custody.primitives.secret import Secret
from custody.signers.keyring import Keyring
from custody.signers.ownership import OwnershipRequest, OwnershipSignature
from custody.signers.port import Decoder, OwnedPlace
from custody.signers.registration import RegisteredWallet, parse_wallet, role_of
from custody.signers.registry import SignatureScheme, family_of
from custody.signers.text_schemes import TEXT_SCHEMES

_RECOVERED = frozenset({"evm", "tron"})  # there the account is recovered from the signature


@dataclass(frozen=True, slots=True)
class Owned:
    """A signature just made, with the point that must never serve another message."""

    signature: OwnershipSignature
    point: tuple[bytes, bytes]  # (nonce point, hash of key and message)


def require_ownable(request: OwnershipRequest, wallet: RegisteredWallet, decoder: Decoder, now_s: int) -> None:
    """Refuse, without any search, what cannot be signed by one key.

    Raises:
        Refused: Another wallet or chain than registered, no key of ours that controls coins, a family without texts.
        OwnershipExpired: The text has expired, or would live too long.
    """
    require_ownable_together(request, wallet, decoder, now_s)
    _scheme_of(wallet)


def require_ownable_together(request: OwnershipRequest, wallet: RegisteredWallet, decoder: Decoder, now_s: int) -> None:
    """Refuse, without any search, what cannot be signed, be it by one key or by a share of a group's.

    Raises:
        Refused: Another wallet or chain than registered, or no key of ours that controls coins.
        OwnershipExpired: The text has expired, or would live too long.
    """
    if request.wallet_id != wallet.id:
        raise Refused(f"wallet {wallet.id}: the request is for {request.wallet_id}", wallet=wallet.id)
    if SigningRole.MEMBER not in wallet.roles and not decoder.holds_accounts:
        raise Refused(f"wallet {wallet.id}: we hold no member key, and others control no coins", wallet=wallet.id)
    if request.chain != decoder.caip2:
        raise Refused(
            f"wallet {wallet.id} is registered on {decoder.caip2 or wallet.chain}, not {request.chain}",
            wallet=wallet.id,
        )
    request.require_live(now_s)


def own(request: OwnershipRequest, wallet: RegisteredWallet, place: OwnedPlace, keyring: Keyring) -> Owned:
    """Sign the text with our key at a proven place.

    Args:
        request: What passed `require_ownable`, and, in a signer process, the approvers.
        wallet: Our own registration.
        place: What the decoder's `owned_place` answered for the address of this request.
        keyring: Our keys.

    Raises:
        Refused: The key of the place is not ours.
        InvariantBroken: The signature does not verify.
    """
    scheme, text = _scheme_of(wallet), request.text().encode()
    key, value = keyring.sign(wallet.require_ours(place.path, place.role), place.path, scheme, text)
    shown = "" if wallet.family in _RECOVERED else key.raw.hex()
    point = (scheme.nonce_point(value), hashlib.sha256(key.raw + text).digest())
    return Owned(OwnershipSignature(shown, value.hex(), place.script.hex()), point)


def own_with_seed(
    registered_wallet_json: Mapping[str, Json],
    our_paths: Mapping[str, str],
    seed: Secret,
    request: OwnershipRequest,
    now_s: int,
) -> OwnershipSignature:
    """Sign with a key that no process holds open; whoever unsealed the seed is the approval.

    Args:
        registered_wallet_json: What the wallet writes about itself (`registration()`).
        our_paths: Name -> path of the keys of this seed in the wallet: {"member": "m/48h/1h/0h/2h"}.
        seed: 64 bytes.
        request: What to sign, read by the person at the machine.
        now_s: Now, in seconds since 1970 UTC.

    Raises:
        InvalidInput: The registration is malformed, or this seed has no key in the wallet.
        Refused: As `require_ownable`.
        NotOurAddress: The address is not of this wallet.
    """
    roles = sorted({role_of(name).value for name in our_paths})
    stored: dict[str, Json] = {**registered_wallet_json, "our_paths": dict(our_paths), "roles": roles}
    wallet = parse_wallet(canonical_json(stored))
    family, keyring = family_of(wallet.family), Keyring(seed)
    our_keys = {path: keyring.public_key(path, family.scheme.curve) for path in wallet.our_paths.values()}
    decoder = family.load()(wallet.registration, our_keys)
    require_ownable(request, wallet, decoder, now_s)
    return own(request, wallet, decoder.owned_place(request.address), keyring).signature


def _scheme_of(wallet: RegisteredWallet) -> SignatureScheme:
    scheme = TEXT_SCHEMES.get(wallet.family)
    if scheme is None:
        raise Refused(
            f"wallet {wallet.id}: family {wallet.family} signs no ownership texts by one key", family=wallet.family
        )
    return scheme

"""Putting parts together: each is verified alone, a bad one is named, and a quorum of good ones is a result.

Rules:
    * A part is verified as the wallet's registration says, by the decoder bound to its member: the message it must
      have signed is computed here, from the payload of the request.
    * One bad part stops it: whoever brought it must hear of it. Leaving its file out is the way on.
    * Exactly the threshold is taken, in the order of the files; a member counts once.

Example:
    result = combine(request, wallet, [part_1, part_3, part_5])
"""

from __future__ import annotations

from collections.abc import Sequence

from custody.cold.finishing import finish
from custody.cold.parts import ColdPart, ColdResult
from custody.cold.request import ColdRequest, PartOfAnother
from custody.keys.material import Curve, PublicKey, Signature, SigningRole
from custody.keys.paths import steps_below
from custody.primitives.errors import BadSignature, InvalidInput, QuorumNotReached, ToolkitError
from custody.signers.decoders.utxo import UtxoDecoder
from custody.signers.judge import require_registered
from custody.signers.port import Decoder, ToSign
from custody.signers.registration import RegisteredWallet
from custody.signers.registry import family_of


class BadPart(BadSignature):
    """A part does not hold; the message names its keyholder."""

    code = "cold_bad_part"


def combine(request: ColdRequest, wallet: RegisteredWallet, parts: Sequence[ColdPart]) -> ColdResult:
    """Verify parts alone and put a quorum together.

    Args:
        request: What was to be signed.
        wallet: As registered here.
        parts: One a keyholder.

    Raises:
        BadPart: One does not hold, or is of no member; it is named.
        PartOfAnother: One is for another request or wallet.
        InvalidInput: Two are of the same member.
        QuorumNotReached: Fewer than the threshold.
    """
    require_registered(request.request, wallet)
    for part in parts:
        verify_part(request, wallet, part)
    members = [part.member for part in parts]
    if len(set(members)) != len(members):
        doubled = next(part for part in parts if members.count(part.member) > 1)
        raise InvalidInput(f"two parts are of the member key of {doubled.keyholder}", keyholder=doubled.keyholder)
    threshold = wallet.registration.get("threshold")
    if type(threshold) is not int or threshold < 2:
        raise InvalidInput(f"wallet {wallet.id}: registered without a threshold")
    if len(parts) < threshold:
        raise QuorumNotReached(
            f"wallet {wallet.id}: {len(parts)} of {threshold} parts", signed=len(parts), threshold=threshold
        )
    taken = tuple(parts[:threshold])
    finished = finish(wallet, request.request.payload, taken)
    return ColdResult(
        request=request.digest,
        wallet_id=wallet.id,
        keyholders=tuple(part.keyholder for part in taken),
        signatures=tuple(signature for part in taken for signature in part.signatures),
        names=finished.names,
        name=finished.name,
        transaction=finished.transaction,
    )


def verify_part(request: ColdRequest, wallet: RegisteredWallet, part: ColdPart) -> None:
    """Demand that a part signs exactly this request with a member key of the wallet.

    Raises:
        PartOfAnother: It is for another request or wallet.
        BadPart: It is of no member, incomplete, or a signature does not verify.
    """
    if (part.request, part.wallet_id) != (request.digest, wallet.id):
        raise PartOfAnother(
            f"the part of {part.keyholder} is for request {part.request.hex()[:16]}..., not for this one",
            keyholder=part.keyholder,
        )
    family = family_of(wallet.family)
    try:
        decoder = family.load()(wallet.registration, {part.path: part.member})
        expected = decoder.understand(request.request.payload, SigningRole.MEMBER).to_sign
    except ToolkitError as error:
        raise BadPart(
            f"the part of {part.keyholder} is of no member that signs this: {error.message}", keyholder=part.keyholder
        ) from error
    by_index = {signature.index: signature for signature in part.signatures}
    if len(by_index) != len(part.signatures) or set(by_index) != {item.index for item in expected}:
        raise BadPart(f"the part of {part.keyholder} does not sign everything once", keyholder=part.keyholder)
    for item in expected:
        _verify(wallet, decoder, part, item, by_index[item.index])


def _verify(wallet: RegisteredWallet, decoder: Decoder, part: ColdPart, item: ToSign, signature: Signature) -> None:
    if signature.key != _key_at(decoder, part, item.path):
        raise BadPart(f"the part of {part.keyholder} is not by the key at {item.path}", keyholder=part.keyholder)
    try:
        family_of(wallet.family).scheme.verify(signature.key, item.message, signature.value)
    except ToolkitError as error:
        raise BadPart(
            f"the part of {part.keyholder} does not verify at index {item.index}: {error.message}",
            keyholder=part.keyholder,
        ) from error


def _key_at(decoder: Decoder, part: ColdPart, path: str) -> PublicKey:
    """The member key, or the child of it that signs: only descriptors derive below a member."""
    below = steps_below(part.path, path)
    if isinstance(decoder, UtxoDecoder) and below:
        node = decoder.ours.node
        for step in below:
            node = node.child(step)
        return PublicKey(Curve.SECP256K1, node.key)
    return part.member

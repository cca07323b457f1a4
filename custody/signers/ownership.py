r"""Ownership: the one text a signer signs that is no payment, and the answer to it.

Rules:
    * Eight lines joined by "\n", no newline at the end: tag, exchange, seq, ctx, chain, address, nonce, expires. The
      signer builds them itself from the parts; nobody hands it a text to sign.
    * No part can hold a newline, a blank or anything but plain ASCII, so a text has one meaning only.
    * Every text is longer than a digest and shorter than what its first bytes would announce as a transaction: it is
      never the preimage of anything that moves coins.
    * People approve `ownership_digest`; its tag keeps such an approval from ever counting for a payment.

Example:
    request = OwnershipRequest("cold-btc", "example.com", 12, ctx, "bip122:0f91...", address, nonce, expires)
    request.text().encode()
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from custody.primitives.encoding import digest
from custody.primitives.errors import InvalidInput, Refused
from custody.primitives.ids import Digest

TEXT_TAG = "PORv1-ownership"
DIGEST_TAG = "mext/ownership/1"
MAX_AHEAD_S = 30 * 86_400
"""A text lives two weeks after the cut-off of its statement; what is to live much longer is not for a statement."""
MAX_SEQ = (1 << 53) - 1

_UTC_FORMAT = "%Y-%m-%dT%H:%M:%SZ"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)
_PARTS = {
    "wallet_id": re.compile(r"[!-~]{1,64}", re.ASCII),
    "exchange": re.compile(r"[!-~]{1,255}", re.ASCII),
    "ctx": _HASH,
    "chain": re.compile(r"[-a-z0-9]{3,8}:[-_a-zA-Z0-9]{1,32}", re.ASCII),  # CAIP-2
    "address": re.compile(r"[0-9A-Za-z]{1,128}", re.ASCII),
    "nonce": _HASH,
    "expires": re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z", re.ASCII),
}


class InvalidOwnershipText(InvalidInput):
    """A part of an ownership text is not of its form."""

    code = "invalid_ownership_text"


class OwnershipExpired(Refused):
    """The text is too old to count, or would count for too long."""

    code = "ownership_expired"


class NotOurAddress(Refused):
    """The address does not follow from the registration of this wallet."""

    code = "not_our_address"


@dataclass(frozen=True, slots=True)
class OwnershipRequest:
    """What a signer is asked to show.

    Attributes:
        wallet_id: Registered wallet that holds the address; not part of the text.
        exchange: Name of the exchange, as in the header of the statement.
        seq: Number of the statement, from 1.
        ctx: Context of the statement, 64 hex digits.
        chain: CAIP-2.
        address: In the chain's canonical text form.
        nonce: The auditor's, 64 hex digits.
        expires: UTC, "2026-02-14T00:00:00Z".
    """

    wallet_id: str
    exchange: str
    seq: int
    ctx: str
    chain: str
    address: str
    nonce: str
    expires: str

    def __post_init__(self) -> None:
        for name, form in _PARTS.items():
            value = getattr(self, name)
            if not isinstance(value, str) or not form.fullmatch(value):
                raise InvalidOwnershipText(f"ownership text: {name} {str(value)[:60]!r} is not of its form", part=name)
        if type(self.seq) is not int or not 0 < self.seq <= MAX_SEQ:
            raise InvalidOwnershipText(f"ownership text: seq {str(self.seq)[:60]} is not 1 to {MAX_SEQ}", part="seq")
        self.expires_at_s()

    def text(self) -> str:
        """The eight lines."""
        return "\n".join(
            (TEXT_TAG, self.exchange, str(self.seq), self.ctx, self.chain, self.address, self.nonce, self.expires)
        )

    def expires_at_s(self) -> int:
        """Last second at which the text counts, since 1970 UTC.

        Raises:
            InvalidOwnershipText: There is no such day or hour.
        """
        try:
            moment = datetime.strptime(self.expires, _UTC_FORMAT).replace(tzinfo=UTC)
        except ValueError as error:
            raise InvalidOwnershipText(f"ownership text: {self.expires} is no time", part="expires") from error
        return (moment - _EPOCH) // timedelta(seconds=1)

    def require_live(self, now_s: int) -> None:
        """Check the lifetime.

        Args:
            now_s: Now, in seconds since 1970 UTC, by the signer's own clock.

        Raises:
            OwnershipExpired: It has expired, or would live for more than 30 days from now.
        """
        if now_s > self.expires_at_s():
            raise OwnershipExpired(f"the ownership text expired at {self.expires}", expires=self.expires)
        if self.expires_at_s() > now_s + MAX_AHEAD_S:
            raise OwnershipExpired(
                f"the ownership text would count until {self.expires}, more than {MAX_AHEAD_S} s ahead",
                expires=self.expires,
            )


@dataclass(frozen=True, slots=True)
class OwnershipSignature:
    """One key's signature over an ownership text, in the form that evidence holds; all hex.

    Attributes:
        key: Public key; "" where it is recovered from the signature.
        signature: DER (UTXO), r || s || v (EVM, Tron) or Ed25519 (Solana).
        script: Multisig script of the address (UTXO), else "".
    """

    key: str
    signature: str
    script: str = ""


def ownership_digest(request: OwnershipRequest) -> Digest:
    """What approvers approve, 32 bytes."""
    return digest(DIGEST_TAG, request.text())

"""Any file of the cold room, read strictly and named, without keys.

Rules:
    * Nothing here knows what an asset is called or how many decimals it has: amounts are base units of an asset key.

Example:
    describe(raw)[0]    # "mext/cold-part/1 of cold-1 for cold-btc"
"""

from __future__ import annotations

from custody.cold.files import MAX_FILE_BYTES, groups, plain
from custody.cold.parts import PART_FORMAT, RESULT_FORMAT, decode_part, decode_result
from custody.cold.request import REQUEST_FORMAT, decode_request_file
from custody.cold.wallets_file import WALLETS_FORMAT, decode_wallets
from custody.keys.strict_json import parse_canonical
from custody.primitives.errors import MalformedPayload
from custody.primitives.intent import TransferIntent


def describe(raw: bytes) -> list[str]:
    """Say what a file is, line by line, after reading all of it; nothing in a line can change the screen.

    Raises:
        MalformedPayload: No file of the cold room.
        PartOfAnother: Its hashes do not fit its content.
        InvalidInput: Its parts contradict each other.
    """
    return [plain(line) for line in _describe(raw)]


def _describe(raw: bytes) -> list[str]:
    kind = parse_canonical(raw, MAX_FILE_BYTES, "cold file").get("format")
    if kind == REQUEST_FORMAT:
        request = decode_request_file(raw)
        asked = request.request
        return [
            f"{REQUEST_FORMAT} number {request.sequence} for {asked.wallet_id} on {asked.chain}",
            f"made by      {request.made_by}",
            *(line for intent in asked.intents for line in _asks(intent)),
        ]
    if kind == PART_FORMAT:
        part = decode_part(raw)
        return [f"{PART_FORMAT} of {part.keyholder} for {part.wallet_id}", f"request      {groups(part.request)}"]
    if kind == RESULT_FORMAT:
        result = decode_result(raw)
        return [
            f"{RESULT_FORMAT} of {', '.join(result.keyholders)} for {result.wallet_id}",
            f"request      {groups(result.request)}",
            f"{result.names:<12} {result.name}",
        ]
    if kind == WALLETS_FORMAT:
        told = decode_wallets(raw)
        return [
            f"{WALLETS_FORMAT} for {', '.join(sorted({name for each in told.wallets for name in each.paths}))}",
            *(
                f"{each.id:<12} may pay {of.wallet_id}, {of.tier}: {to}{f' with memo {of.memo}' if of.memo else ''}"
                for each in told.wallets
                for to, of in each.places.items()
            ),
        ]
    raise MalformedPayload(f"cold file: {str(kind)[:40]!r} is no format of the cold room")


def _asks(intent: TransferIntent) -> tuple[str, str]:
    """Only what the intent's hash covers: symbol and decimals are free words of whoever wrote the file."""
    amount = intent.amount
    return (
        f"asks         {amount.units} base units of {amount.asset.key} to {intent.to.text}",
        f"memo         {intent.memo}" if intent.memo else "no memo",
    )

"""What a node or a contract says no with, turned into our own errors once.

Contracts answer with custom errors, which a node passes on as four bytes and packed values. People and
programs need the name: `NotInState(id=1, current=2)`.

Example:
    with node_answers("castVote"):
        function.call()
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from json import JSONDecodeError
from typing import Any, cast

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_typing import ABIError
from eth_utils.abi import abi_to_signature, get_abi_input_types
from eth_utils.crypto import keccak
from web3.exceptions import ContractLogicError, Web3Exception

from contracts import artifact_names, load_artifact
from custody.primitives.errors import NodeUnavailable, Refused

SELECTOR_BYTES = 4


class CallReverted(Refused):
    """The contract refuses; the name of its error is the fact `error`, empty if it is not one of ours."""

    code = "call_reverted"


@contextmanager
def node_answers(what: str) -> Iterator[None]:
    """Run calls of a node, and translate what they raise.

    Args:
        what: What is asked, for messages.

    Raises:
        CallReverted: The contract refuses.
        NodeUnavailable: No answer, or one that makes no sense.
    """
    try:
        yield
    except ContractLogicError as error:
        name, text = explain(error)
        raise CallReverted(f"{what}: {text}", call=what, error=name) from error
    except (Web3Exception, OSError, JSONDecodeError, DecodingError) as error:
        raise NodeUnavailable(f"{what}: {error}", call=what) from error


def explain(error: ContractLogicError) -> tuple[str, str]:
    """Name a contract's error.

    Returns:
        Its name, empty if unknown, and a text for people.
    """
    raw = _revert_bytes(error.data)
    kind = _errors_by_selector().get(raw[:SELECTOR_BYTES])
    if kind is None:
        return "", str(error.message or error)
    try:
        values = decode(get_abi_input_types(kind), raw[SELECTOR_BYTES:])
    except DecodingError:
        return kind["name"], f"{kind['name']}(unreadable values)"
    named = zip(kind.get("inputs", ()), values, strict=True)
    shown = ", ".join(f"{part.get('name', '')}={_text(value)}" for part, value in named)
    return kind["name"], f"{kind['name']}({shown})"


def _revert_bytes(data: object) -> bytes:
    if not isinstance(data, str) or not data.startswith("0x"):
        return b""
    try:
        return bytes.fromhex(data[2:])
    except ValueError:
        return b""


def _text(value: object) -> str:
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)


@cache
def _errors_by_selector() -> Mapping[bytes, ABIError]:
    # All contracts together: a refusal of MEXT inside a proposal comes out of ListingVote.
    found: dict[bytes, ABIError] = {}
    for name in artifact_names():
        for entry in load_artifact(name).abi:
            if entry["type"] == "error":
                kind = cast("ABIError", cast("Any", entry))
                found[bytes(keccak(text=abi_to_signature(kind)))[:SELECTOR_BYTES]] = kind
    return found

"""Deploying the contracts, and the record of where they are.

Rules:
    * The deployer holds no role afterwards: constructors grant the final holders, and `verify_roles` proves it.
    * Code on the chain is compared with the artifact before the record is written.
    * The record is written whole or not at all, and read with suspicion.

Example:
    deployment = deploy(sender, Holders(admin=..., ...), tokens={})
    save_deployment(path, deployment)
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from web3 import Web3

from contracts import load_artifact
from custody.primitives.errors import InvalidInput, NotFound, VerificationFailed
from governance.contracts.refusals import node_answers
from governance.contracts.sending import Sender

DEFAULT_MAX_AGE_S = 86_400 * 30


class CodeMismatch(VerificationFailed):
    """What stands at an address is not our contract."""

    code = "code_mismatch"


@dataclass(frozen=True, slots=True)
class Holders:
    """Who holds what after deployment; EIP-55 addresses.

    Attributes:
        supply: Receives all MEXT.
        treasury: Receives slashed deposits.
        admin: Administers roles (the timelock, once there is one).
        guardian, operator, screeners: Roles of ListingVote.
        publisher, auditor: Roles of ReserveRegistry.
    """

    supply: str
    treasury: str
    admin: str
    guardian: str
    operator: str
    screeners: tuple[str, ...]
    publisher: str
    auditor: str


@dataclass(frozen=True, slots=True)
class Deployment:
    """Where the contracts are.

    Attributes:
        chain_id: EIP-155.
        block: Block of the first deployment: indexing starts here.
        addresses: Contract name -> address, EIP-55.
    """

    chain_id: int
    block: int
    addresses: Mapping[str, str]

    def address(self, name: str) -> str:
        """Address of a contract.

        Raises:
            NotFound: It is not part of this deployment.
        """
        if name not in self.addresses:
            raise NotFound(f"{name} is not deployed on chain {self.chain_id}", contract=name)
        return self.addresses[name]


def deploy(sender: Sender, holders: Holders, tokens: Mapping[str, tuple[str, str, int]]) -> Deployment:
    """Deploy MEXT, ListingVote, ReserveRegistry and, on local chains, plain tokens.

    Args:
        sender: Pays gas, holds nothing afterwards.
        holders: Final holders of supply and roles.
        tokens: Name in the record -> (token name, symbol, supply in base units); local chains only.

    Raises:
        CallReverted, FeeTooHigh, NodeUnavailable, OutcomeUnknown: As `Sender.send`.
        CodeMismatch: The code on chain is not the artifact.
    """
    with node_answers("block number"):
        first = int(sender.web3.eth.block_number)
    addresses: dict[str, str] = {}

    def create(record: str, contract: str, *arguments: object) -> str:
        artifact = load_artifact(contract)
        factory = sender.web3.eth.contract(abi=list(artifact.abi), bytecode=artifact.bytecode)
        receipt = sender.send(factory.constructor(*arguments))
        addresses[record] = Web3.to_checksum_address(receipt["contractAddress"])
        verify_code(sender.web3, contract, addresses[record])
        return addresses[record]

    vault = create("EmptyVault", "EmptyVault")
    mext = create("MEXT", "MEXT", holders.supply, vault)
    roles = (holders.admin, holders.guardian, holders.operator, list(holders.screeners))
    create("ListingVote", "ListingVote", mext, holders.treasury, roles)
    create("ReserveRegistry", "ReserveRegistry", holders.admin, holders.publisher, holders.auditor, DEFAULT_MAX_AGE_S)
    for record, (name, symbol, supply) in tokens.items():
        create(record, "DevToken", name, symbol, supply)
    return Deployment(sender.chain_id, first, addresses)


def verify_code(web3: Web3, contract: str, address: str) -> None:
    """Compare the code at an address with the artifact, constructor-set places masked.

    Raises:
        CodeMismatch: It differs.
        NodeUnavailable: The node does not answer.
    """
    with node_answers(f"code of {contract}"):
        code = bytes(web3.eth.get_code(Web3.to_checksum_address(address)))
    if not load_artifact(contract).matches_runtime(code):
        raise CodeMismatch(f"{contract} at {address}: the code on chain is not the artifact", address=address)


def save_deployment(path: Path, deployment: Deployment) -> None:
    """Write the record as JSON; a crash leaves the old record or the new one."""
    fields = {"chain_id": deployment.chain_id, "block": deployment.block, "addresses": dict(deployment.addresses)}
    draft = path.with_name(path.name + ".new")
    draft.write_text(json.dumps(fields, indent=2) + "\n")
    draft.replace(path)


def load_deployment(path: Path) -> Deployment:
    """Read a record.

    Raises:
        NotFound: Nothing was deployed from here.
        InvalidInput: Damaged.
    """
    try:
        fields = json.loads(path.read_text())
        _verify_record(fields)
        return Deployment(**fields)
    except FileNotFoundError as error:
        raise NotFound(f"{path}: no contracts are deployed") from error
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"{path}: not a deployment record: {error}") from error


def _verify_record(fields: Mapping[str, object]) -> None:
    addresses = fields.get("addresses") if isinstance(fields, dict) else None
    if not isinstance(addresses, dict):
        raise TypeError("addresses are missing")
    for name in ("chain_id", "block"):
        if type(fields.get(name)) is not int:
            raise TypeError(f"{name} is not a whole number")
    for name, address in addresses.items():
        if not (isinstance(address, str) and Web3.is_checksum_address(address)):
            raise ValueError(f"{name}: {address!r} is not an EIP-55 address")

"""Who holds which role, replayed from the events and confirmed with the contracts.

Rules:
    * Every grant and revocation since the first block is replayed; each holder is confirmed with `hasRole`.
    * One holder too many, one too few, a role nobody knows, another admin of a role: refused.
    * The deployer holds nothing.

Example:
    verify_roles(web3, deployment, holders, deployer)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from web3 import Web3

from custody.primitives.errors import NodesDisagree, VerificationFailed
from governance.contracts.deployment import Deployment, Holders
from governance.contracts.refusals import node_answers
from governance.contracts.sending import contract_at

BLOCKS_PER_QUERY = 5_000
"""Log ranges that public nodes still answer."""
ADMIN = "DEFAULT_ADMIN_ROLE"
ADMIN_ID = bytes(32)
ROLES: Mapping[str, tuple[str, ...]] = {
    "ListingVote": ("GUARDIAN_ROLE", "OPERATOR_ROLE", "SCREENER_ROLE"),
    "ReserveRegistry": ("PUBLISHER_ROLE", "AUDITOR_ROLE"),
}


class RolesDiffer(VerificationFailed):
    """Somebody holds a role that the table does not give them, or lacks one that it does."""

    code = "governance_roles_differ"


@dataclass(frozen=True, slots=True)
class Role:
    """A role of a contract; `name` is the contract's word, or 0x text for one we do not know."""

    contract: str
    name: str


RoleTable = Mapping[Role, frozenset[str]]
"""Role -> its holders, EIP-55; roles without a holder are left out."""


def expected_roles(holders: Holders) -> RoleTable:
    """The table that a deployment with these holders starts with."""
    return {
        Role("ListingVote", ADMIN): frozenset({holders.admin}),
        Role("ListingVote", "GUARDIAN_ROLE"): frozenset({holders.guardian}),
        Role("ListingVote", "OPERATOR_ROLE"): frozenset({holders.operator}),
        Role("ListingVote", "SCREENER_ROLE"): frozenset(holders.screeners),
        Role("ReserveRegistry", ADMIN): frozenset({holders.admin}),
        Role("ReserveRegistry", "PUBLISHER_ROLE"): frozenset({holders.publisher}),
        Role("ReserveRegistry", "AUDITOR_ROLE"): frozenset({holders.auditor}),
    }


def role_holders(web3: Web3, deployment: Deployment) -> RoleTable:
    """Replay all grants and revocations up to the newest block.

    Raises:
        NodesDisagree: The replayed holders are not those that the contract answers.
        NodeUnavailable: The node does not answer.
        RolesDiffer: A role is administered by another role than the admin's.
    """
    with node_answers("block number"):
        head = int(web3.eth.block_number)
    found: dict[Role, frozenset[str]] = {}
    for contract in ROLES:
        bound = contract_at(web3, contract, deployment.address(contract))
        replayed = _replay(bound, contract, deployment.block, head)
        for role_id, accounts in replayed.items():
            _confirm(bound, role_id, accounts, head)
            if accounts:
                found[Role(contract, _name_of(contract, role_id))] = frozenset(accounts)
    return found


def verify_roles(web3: Web3, deployment: Deployment, holders: Holders, deployer: str) -> None:
    """Compare the roles on chain with the table, and look for the deployer.

    Raises:
        RolesDiffer: They differ, or the deployer holds one.
        NodesDisagree, NodeUnavailable: As `role_holders`.
    """
    _verify_without_roles(web3, deployment, Web3.to_checksum_address(deployer))
    found = role_holders(web3, deployment)
    expected = expected_roles(holders)
    for role in sorted({*found, *expected}, key=lambda role: (role.contract, role.name)):
        has, wants = found.get(role, frozenset()), expected.get(role, frozenset())
        if has != wants:
            extra, missing = sorted(has - wants), sorted(wants - has)
            message = f"{role.contract} {role.name}: too many {extra}, missing {missing}"
            raise RolesDiffer(message, contract=role.contract, role=role.name)


def _verify_without_roles(web3: Web3, deployment: Deployment, account: str) -> None:
    # Asked directly: a node that withholds an event cannot hide the deployer.
    for contract, names in ROLES.items():
        bound = contract_at(web3, contract, deployment.address(contract))
        for name in (ADMIN, *names):
            with node_answers("hasRole"):
                holds = bound.functions.hasRole(_id_of(name), account).call()
            if holds:
                raise RolesDiffer(f"the deployer holds {contract} {name}", contract=contract, role=name)


def _replay(contract: Any, name: str, first: int, head: int) -> dict[bytes, set[str]]:  # noqa: ANN401 - web3's contract
    held: dict[bytes, set[str]] = {ADMIN_ID: set()}
    for event, args in _role_events(contract, first, head):
        if event == "RoleAdminChanged":
            raise RolesDiffer(f"{name}: role {args['role'].hex()} got another admin role", contract=name)
        accounts = held.setdefault(bytes(args["role"]), set())
        if event == "RoleGranted":
            accounts.add(str(args["account"]))
        else:
            accounts.discard(str(args["account"]))
    return held


def _role_events(contract: Any, first: int, head: int) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - web3's contract
    kinds = [contract.events[name]() for name in ("RoleGranted", "RoleRevoked", "RoleAdminChanged")]
    by_topic = {kind.topic: kind for kind in kinds}
    for start in range(first, head + 1, BLOCKS_PER_QUERY):
        question = {
            "address": contract.address,
            "fromBlock": start,
            "toBlock": min(head, start + BLOCKS_PER_QUERY - 1),
            "topics": [list(by_topic)],
        }
        with node_answers("role events"):
            logs = contract.w3.eth.get_logs(question)
            decoded = [by_topic[log["topics"][0].to_0x_hex()].process_log(log) for log in logs]
        for log in sorted(decoded, key=lambda log: (log["blockNumber"], log["logIndex"])):
            if log["address"] == contract.address:
                yield str(log["event"]), log["args"]


def _confirm(contract: Any, role_id: bytes, accounts: set[str], head: int) -> None:  # noqa: ANN401 - web3's contract
    for account in sorted(accounts):
        with node_answers("hasRole"):
            has = contract.functions.hasRole(role_id, account).call(block_identifier=head)
        if not has:
            raise NodesDisagree(f"the events give {account} a role that the contract denies", account=account)


def _id_of(name: str) -> bytes:
    return ADMIN_ID if name == ADMIN else bytes(Web3.keccak(text=name))


def _name_of(contract: str, role_id: bytes) -> str:
    names = {_id_of(name): name for name in (ADMIN, *ROLES[contract])}
    return names.get(role_id, "0x" + role_id.hex())

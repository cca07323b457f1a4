"""Sending transactions from one account: signed here, mined, and refused loudly.

Rules:
    * The chain id is read once and signed into every transaction: none is valid anywhere else.
    * The fee has a ceiling; a node that asks for more gets nothing.
    * What was sent and not seen mined is `OutcomeUnknown`, never "failed": sending again could act twice.
    * One `Sender` per account: sequence numbers are handed out under its lock.

Example:
    sender = Sender(connect("http://127.0.0.1:8545", 31337), account)
    receipt = sender.send(contract.functions.finalize(1))
"""

from __future__ import annotations

import threading
from typing import Any

from eth_account.signers.local import LocalAccount
from web3 import HTTPProvider, Web3
from web3.exceptions import Web3RPCError

from contracts import load_artifact
from custody.primitives.errors import NodeUnavailable, Refused, Unavailable, WrongNetwork
from governance.contracts.refusals import CallReverted, node_answers

__all__ = ["CallReverted", "FeeTooHigh", "OutcomeUnknown", "Sender", "connect", "contract_at"]

RECEIPT_WAIT_S = 60
POLL_S = 0.1
REQUEST_TIMEOUT_S = 20
FEE_CEILING_WEI_PER_GAS = 500 * 10**9
"""500 gwei: above what Ethereum asked in all but a few hours of its life."""
GAS_MARGIN_PERCENT = 25
"""Votes that others cast before ours is mined may make it dearer than estimated."""
GAS_MARGIN_UNITS = 60_000
"""A node estimates with the time of its newest block, where a transfer of MEXT may write into the vote
checkpoint of that second; a second later it needs a new one, for 22,000 on either side."""


class FeeTooHigh(Refused):
    """The node asks for a fee above our ceiling; nothing was signed."""

    code = "governance_fee_too_high"


class OutcomeUnknown(Unavailable):
    """The transaction was given to the node and not seen mined; it may still be. Look for its id."""

    code = "governance_outcome_unknown"
    transient = False

    def hint(self) -> str:
        """Say what to do before anything is sent again."""
        return "look for the transaction by its id before you send anything again"


def connect(url: str, chain_id: int) -> Web3:
    """Connect to a node and check its chain id.

    Raises:
        WrongNetwork: It serves another chain.
        NodeUnavailable: It does not answer.
    """
    web3 = Web3(HTTPProvider(url, request_kwargs={"timeout": REQUEST_TIMEOUT_S}))
    with node_answers(url):
        answered = web3.eth.chain_id
    if answered != chain_id:
        raise WrongNetwork(f"{url} serves chain id {answered}, not {chain_id}", chain_id=answered)
    return web3


def contract_at(web3: Web3, name: str, address: str) -> Any:  # noqa: ANN401 - web3 makes contract classes at run time
    """A contract of ours at an address."""
    return web3.eth.contract(address=Web3.to_checksum_address(address), abi=list(load_artifact(name).abi))


class Sender:
    """One account that sends; one transaction at a time, each awaited."""

    def __init__(self, web3: Web3, account: LocalAccount) -> None:
        """Bind an account to the chain the node serves now.

        Raises:
            NodeUnavailable: It does not answer.
        """
        self.web3 = web3
        self.account = account
        self._lock = threading.Lock()
        with node_answers("chain id"):
            self.chain_id = int(web3.eth.chain_id)

    @property
    def address(self) -> str:
        """The account, EIP-55."""
        return str(self.account.address)

    def send(self, call: Any) -> dict[str, Any]:  # noqa: ANN401 - a bound contract function or constructor
        """Send a contract call and wait for its receipt.

        Raises:
            CallReverted: The contract refuses it, before or after it was mined.
            FeeTooHigh: The node asks for too much.
            NodeUnavailable: No answer, or the node would not take it; nothing was sent.
            OutcomeUnknown: Sent, and not mined in a minute or the node fell silent.
        """
        what = getattr(call, "fn_name", "constructor")
        with self._lock:
            with node_answers(what):
                signed = self.account.sign_transaction(self._build(call))
            receipt = self._follow(what, signed)
        if receipt["status"] != 1:
            raise CallReverted(f"{what}: reverted in {signed.hash.to_0x_hex()}", call=what, error="")
        return receipt

    def _build(self, call: Any) -> dict[str, Any]:  # noqa: ANN401 - a bound contract function or constructor
        nonce = self.web3.eth.get_transaction_count(self.account.address, "pending")
        built = dict(call.build_transaction({"from": self.account.address, "nonce": nonce, "chainId": self.chain_id}))
        asked = max(int(built.get(name, 0)) for name in ("maxFeePerGas", "gasPrice"))
        if asked > FEE_CEILING_WEI_PER_GAS:
            raise FeeTooHigh(
                f"the node asks for {asked} wei per gas, the ceiling is {FEE_CEILING_WEI_PER_GAS}",
                asked=asked,
                ceiling=FEE_CEILING_WEI_PER_GAS,
            )
        built["gas"] += built["gas"] * GAS_MARGIN_PERCENT // 100 + GAS_MARGIN_UNITS
        return built

    def _follow(self, what: str, signed: Any) -> dict[str, Any]:  # noqa: ANN401 - eth-account's own result
        txid = signed.hash.to_0x_hex()
        try:
            with node_answers(what):
                self.web3.eth.send_raw_transaction(signed.raw_transaction)
                return dict(self.web3.eth.wait_for_transaction_receipt(signed.hash, RECEIPT_WAIT_S, POLL_S))
        except NodeUnavailable as error:
            if isinstance(error.__cause__, Web3RPCError):
                raise  # the node read it and refused it
            raise OutcomeUnknown(f"{what}: sent as {txid}, outcome unknown: {error.message}", txid=txid) from error

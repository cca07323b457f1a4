"""Typed questions to an EVM node: it translates hexadecimal text, and decides nothing.

Rules:
    * Answers are checked for shape in `answers`, once: what does not parse is `NodeUnavailable`, never a guess.

Example:
    node = EvmNode(JsonRpc(Endpoint("anvil", "http://127.0.0.1:8545")), ETHEREUM_LOCAL)
    node.require_chain()
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from custody.chains.evm.abi import balance_of_call
from custody.chains.evm.answers import FeeHistory, Receipt, integer, member, raw_bytes, receipt_from, sequence
from custody.chains.evm.params import EvmParams
from custody.nodes.jsonrpc import JsonRpc, NodeError
from custody.primitives.asset import Asset
from custody.primitives.chain import BlockRef
from custody.primitives.errors import NodeUnavailable, WrongNetwork

Json = Mapping[str, Any]

OUT_OF_GAS = "outofgas"
"""How nodes say that a call was not given enough gas, blanks left out."""


class EvmNode:
    """One node of one network."""

    def __init__(self, rpc: JsonRpc, params: EvmParams) -> None:
        self.rpc = rpc
        self.params = params

    def require_chain(self) -> None:
        """Refuse a node of another network; called once, at the start of a lane.

        Raises:
            WrongNetwork: The node answers for another chain id.
        """
        answered = integer(self.rpc.call("eth_chainId"))
        if answered != self.params.chain_id:
            raise WrongNetwork(f"{self.params.chain.id}: the node serves chain id {answered}", chain_id=str(answered))

    def tip(self) -> BlockRef:
        """Newest block."""
        return self._block_ref(self._header("latest"))

    def block_at(self, height: int) -> BlockRef:
        """Block of the main chain at this height."""
        return self._block_ref(self._header(hex(height)))

    def fee_history(self, blocks: int, percentile: int) -> FeeHistory:
        """What recent blocks charged.

        Args:
            blocks: How many, up to the newest.
            percentile: Which transaction of each block the tip is taken from, by gas, 0 to 100.
        """
        answer = self.rpc.call("eth_feeHistory", hex(blocks), "latest", [percentile])
        base_fees = [integer(fee) for fee in sequence(member(answer, "baseFeePerGas"))]
        tips = [integer(tip) for block in sequence(member(answer, "reward")) for tip in sequence(block)]
        if not base_fees:
            raise NodeUnavailable(f"{self.params.chain.id}: the node's history of fees is empty")
        return FeeHistory(base_fees[-1], tuple(tips))

    def gas_price(self) -> int:
        """Price the node suggests where there is no base fee, in wei per gas."""
        return integer(self.rpc.call("eth_gasPrice"))

    def balance(self, address: str, asset: Asset, at: BlockRef | None = None) -> int:
        """Base units held by an address, as of a block."""
        if asset.contract is None:
            return integer(self.rpc.call("eth_getBalance", address, block_tag(at)))
        answer = self.view(asset.contract, balance_of_call(address), at)
        if len(answer) != 32:
            raise NodeUnavailable(f"{asset.key}: balanceOf answers {len(answer)} bytes; is the contract there?")
        return int.from_bytes(answer, "big")

    def view(self, contract: str, call: bytes, at: BlockRef | None = None) -> bytes:
        """Result of a call that changes nothing."""
        return raw_bytes(self.rpc.call("eth_call", {"to": contract, "data": "0x" + call.hex()}, block_tag(at)))

    def revert_data(self, contract: str, call: bytes, gas: int) -> bytes | None:
        """What a call that always reverts says when it does, at the tip.

        Args:
            contract: Who is called, EIP-55; the caller is nobody.
            call: Calldata.
            gas: What it may use.

        Returns:
            None if the gas did not suffice to say anything; nothing at all if it did not revert.

        Raises:
            NodeError: It failed in another way, or the node keeps the data to itself.
            NodeUnavailable: No answer.
        """
        question = {"to": contract, "data": "0x" + call.hex(), "gas": hex(gas)}
        try:
            self.rpc.call("eth_call", question, "latest")
        except NodeError as error:
            if OUT_OF_GAS in error.rpc_message.lower().replace(" ", ""):
                return None
            if not error.data:
                raise
            return raw_bytes(error.data)
        return b""

    def code(self, address: str, at: BlockRef | None = None) -> bytes:
        """Runtime code at an address; empty for an ordinary account."""
        return raw_bytes(self.rpc.call("eth_getCode", address, block_tag(at)))

    def storage(self, address: str, slot: int, at: BlockRef | None = None) -> int:
        """One storage word of a contract, as a number."""
        return integer(self.rpc.call("eth_getStorageAt", address, hex(slot), block_tag(at)))

    def sequence(self, address: str, at: BlockRef | None = None) -> int:
        """Number of transactions an account has sent, as of a block: its next nonce."""
        return integer(self.rpc.call("eth_getTransactionCount", address, block_tag(at)))

    def receipt(self, txid: str) -> Receipt | None:
        """Receipt of a mined transaction; None if it is not in a block."""
        answer = self.rpc.call("eth_getTransactionReceipt", txid)
        return None if answer is None else receipt_from(answer)

    def knows(self, txid: str) -> bool:
        """Tell whether the node has the transaction, in a block or in its pool."""
        return self.rpc.call("eth_getTransactionByHash", txid) is not None

    def logs(self, emitter: str, topic: bytes, first: int, last: int) -> list[str]:
        """Transactions that made a contract emit an event, within a range of heights; oldest first.

        Returns:
            Transaction hashes, each once.
        """
        wanted = {
            "address": emitter,
            "topics": ["0x" + topic.hex()],
            "fromBlock": hex(first),
            "toBlock": hex(last),
        }
        found = self.rpc.call("eth_getLogs", wanted)
        return list(dict.fromkeys(str(member(entry, "transactionHash")) for entry in sequence(found)))

    def send_raw(self, raw: bytes) -> str:
        """Hand signed bytes over."""
        return str(self.rpc.call("eth_sendRawTransaction", "0x" + raw.hex()))

    def _header(self, tag: str) -> Json:
        answer = self.rpc.call("eth_getBlockByNumber", tag, False)  # noqa: FBT003 - hashes suffice
        if not isinstance(answer, dict):
            raise NodeUnavailable(f"{self.params.chain.id}: the node has no block {tag}")
        return answer

    def _block_ref(self, header: Json) -> BlockRef:
        height = integer(member(header, "number"))
        return BlockRef(self.params.chain.id, height, str(member(header, "hash")), str(member(header, "parentHash")))


def block_tag(at: BlockRef | None) -> object:
    """How a node is told which state to read: by block hash, so that a reorg cannot swap it.

    Spec: EIP-1898.
    """
    return "latest" if at is None else {"blockHash": at.hash, "requireCanonical": True}

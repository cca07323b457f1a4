"""Would the Safe's execution run now? Asked of a node before anyone signs.

Rules:
    * The payments are tried through the Safe itself, with the gas that they will have and not more: a destination
      that burns gas is found like one that refuses.
    * The Safe's own `simulateAndRevert` undoes the trial and says how it went, whatever a destination does: only
      the trial's own answer is believed, never the words of an error.
    * Why a destination refuses is a stranger's text and is not read.

Example:
    trial = SafeTrial(wallet, node)
    if reason := trial.refusal(plan): ...
"""

from __future__ import annotations

from custody.chains.evm.abi import WORD, multi_send_call, multi_send_item, simulate_call
from custody.chains.evm.node import EvmNode
from custody.chains.evm.plan import SafePlan, inner_gas
from custody.chains.evm.wallet import SafeWallet
from custody.chains.port import TrialUnclear
from custody.nodes.jsonrpc import NodeError

CALL_GAS = 21_000
BYTE_GAS = 16
"""What any transaction pays at most for a byte of calldata; a trial pays it before the Safe runs."""
MAX_WORDS = 100
REVERTS = "it reverts, or takes more gas than a payment has"


class SafeTrial:
    """Implements `custody.chains.port.Trial` for one Safe."""

    def __init__(self, wallet: SafeWallet, node: EvmNode) -> None:
        self._wallet = wallet
        self._node = node

    def refusal(self, tx: SafePlan) -> str:
        """Say why these payments would revert if the Safe made them now; "" if they would not.

        Raises:
            TrialUnclear: The node answers, and does not show how the trial went.
            NodeUnavailable: It does not answer.
        """
        params = self._wallet.params
        batch = multi_send_call([multi_send_item(*payment.call()) for payment in tx.payments])
        call = simulate_call(params.release.multisend, batch)
        gas = CALL_GAS + BYTE_GAS * len(call) + params.pricing.extra_gas + inner_gas(tx.payments)
        try:
            outcome = self._node.revert_data(self._wallet.safe, call, gas)
        except NodeError as error:
            raise TrialUnclear(f"{params.chain.id}: {error.rpc_message[:MAX_WORDS]}") from error
        if outcome is None:
            return REVERTS
        if len(outcome) < 2 * WORD or int.from_bytes(outcome[WORD : 2 * WORD], "big") != len(outcome) - 2 * WORD:
            raise TrialUnclear(f"{params.chain.id}: the node does not show how a trial of {self._wallet.id} went")
        return "" if int.from_bytes(outcome[:WORD], "big") == 1 else REVERTS

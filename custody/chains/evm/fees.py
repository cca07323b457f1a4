"""What to offer for gas now: what the last blocks charged, within our own caps.

Rules:
    * The base fee can rise by an eighth a block: twice the next one lasts for six full blocks.
    * The tip is the middle of what recent blocks paid, so that one dear or one empty block moves nothing.
    * The cap of the network's row holds whatever the node says: in a spike we offer the cap, and wait.

Example:
    tip, fee = fee_level(node)
"""

from __future__ import annotations

from statistics import median_low

from custody.chains.evm.node import EvmNode
from custody.chains.evm.params import FeeModel, Pricing

BASE_FEE_HEADROOM = 2
HISTORY_BLOCKS = 10
"""Two minutes of Ethereum."""
MIDDLE_PERCENT = 50


def fee_level(node: EvmNode) -> tuple[int, int]:
    """Priority fee and highest fee to offer now, in wei per gas.

    Raises:
        NodeUnavailable: No answer, or one that is no history of fees.
    """
    pricing = node.params.pricing
    if pricing.model is FeeModel.GAS_PRICE:
        price = capped(max(node.gas_price(), pricing.tip_wei_per_gas), pricing)
        return price, price
    history = node.fee_history(HISTORY_BLOCKS, MIDDLE_PERCENT)
    return offer(history.next_base_fee, history.tips, pricing)


def offer(next_base_fee: int, tips: tuple[int, ...], pricing: Pricing) -> tuple[int, int]:
    """Tip and highest fee that follow from the last blocks.

    Args:
        next_base_fee: Of the block to come, in wei per gas.
        tips: What the middle transaction of each recent block paid; 0 for an empty block.
        pricing: The network's floor and cap.
    """
    paid = [tip for tip in tips if tip > 0]
    tip = capped(max(median_low(paid) if paid else 0, pricing.tip_wei_per_gas), pricing)
    return tip, capped(BASE_FEE_HEADROOM * next_base_fee + tip, pricing)


def capped(wei_per_gas: int, pricing: Pricing) -> int:
    """The price, but never above our own cap."""
    return min(wei_per_gas, pricing.fee_cap_wei_per_gas)

"""The ground floor: values that every other room speaks in.

Rules:
    * Standard library only: no framework, no network, no file, no clock reading.
    * Everything is immutable; a wrong value cannot be constructed.
    * Money is a whole number of base units together with its asset.

Example:
    >>> from custody.primitives.asset import Asset
    >>> from custody.primitives.amount import Amount
    >>> from custody.primitives.chain import ChainId
    >>> btc = Asset("BTC", 8, ChainId("bitcoin"))
    >>> Amount.parse("0.5", btc).units
    50000000
"""

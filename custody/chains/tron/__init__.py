"""Tron: accounts whose payments a quorum signs under an active permission.

`params` holds the networks, `wallet` the account and its registration, `codec` builds and assembles,
`reader`, `finality` and `broadcaster` ask a node, `setup` hands an account to its quorum. See docs/tron.md.
"""

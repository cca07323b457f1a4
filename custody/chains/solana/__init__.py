"""Solana: SPL-token multisig wallets with durable nonces.

`wallet` derives all addresses, `setup` opens them; `codec` plans and assembles without a network;
`reader` and `broadcaster` ask a node. See docs/solana.md.
"""

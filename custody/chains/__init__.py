"""Chains by one port: a pure codec, and a reader and broadcaster that ask a node."""

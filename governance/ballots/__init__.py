"""Gasless ballots, EIP-712: what a voter signs, pure and checked against the contract."""

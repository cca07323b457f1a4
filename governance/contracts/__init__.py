"""Python access to the Solidity contracts: deployment, calls, verification of code."""

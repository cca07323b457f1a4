"""Custody: keys, chains, signers, withdrawals, deposits, treasury, reserves. Knows nothing of the exchange."""

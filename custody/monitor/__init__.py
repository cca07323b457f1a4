"""Reconciliation per block, breaker, lease for signers. Not built yet beyond the balance check."""

"""Governance: listing votes, staking, DAO parameters, disclosures and the indexer behind them."""

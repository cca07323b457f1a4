"""Staking weight and tiers. Not built yet; the room stands so that the walls need not move."""

"""Fee tiers, turned into journalled commands."""

"""The truth: numbered, chained, synced frames; snapshots and recovery."""

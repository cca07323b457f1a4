"""SQL for reading, idempotent, rebuildable from the journal. Decides nothing."""

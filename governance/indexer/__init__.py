"""Events from blocks: seen, safe, finalized; rolled back on a reorg; rebuildable."""

"""The seam: engine holds and custody withdrawals, deposits and credits, listings and markets."""

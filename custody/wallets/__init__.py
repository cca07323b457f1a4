"""Deposits found in blocks, sweeps, and the treasury's hot and cold edges."""

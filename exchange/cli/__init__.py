"""The command mext."""

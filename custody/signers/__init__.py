"""Signers: separate processes with their own decoder, memory and limits."""

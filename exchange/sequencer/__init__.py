"""Intake: de-duplication, numbering, durability before any answer."""

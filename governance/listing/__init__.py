"""Listing votes: what the events say, as pure state."""

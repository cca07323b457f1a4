"""Screening of transfers: sanctions, travel rule; what does not answer never lets anything pass."""

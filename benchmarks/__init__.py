"""Every figure the README states, measured beside its peers in the same run."""

"""Key material: mnemonics, derivation, keystores, quorum checks. Never talks to a network."""

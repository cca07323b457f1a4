"""Nine gates before a signer is asked, each closed unless its evidence is there; and the receipt they leave."""

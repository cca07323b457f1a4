"""Second copy of the journal. Not built yet; the room stands so that the walls need not move."""

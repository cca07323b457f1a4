"""The cold room: a program without network that reads a request file, shows what it does, and signs."""

"""The exchange: engine, journal, projection, settlement with custody, API, pages, command line."""

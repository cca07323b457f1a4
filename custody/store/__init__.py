"""SQL behind the domain's store protocols; exact money on SQLite and PostgreSQL."""

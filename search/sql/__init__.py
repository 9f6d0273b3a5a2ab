"""SQL over the library: whoever writes it reads the schema ``dam_sql``, and nothing else (docs/sql.md)."""

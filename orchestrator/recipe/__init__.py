"""Recipe files: the schema, loading, and what is wrong with one."""

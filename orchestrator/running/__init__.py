"""A run: walking the stages, executing commands, keeping the record."""

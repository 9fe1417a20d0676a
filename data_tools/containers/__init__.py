"""Bytes to raw items with their places, and back: JSON, tables, workbooks, Parquet."""

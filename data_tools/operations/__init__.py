"""What is done with rows: convert, split, mix, clean, look."""

"""What everything stands on: errors, files, paths, messages, the process seam, plans as values."""

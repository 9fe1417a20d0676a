"""What can be known before a byte is downloaded: rules of machine and recipe, and memory."""

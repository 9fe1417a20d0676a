"""Turn a fine-tuning tutorial into one recipe file and one command that works."""

__version__ = "0.1.0"

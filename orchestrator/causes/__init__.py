"""From a log to its cause, the line that shows it, and a fix: one table of explanations."""

"""What a run did, from its record and files alone: figures, a page, Markdown, JSON."""

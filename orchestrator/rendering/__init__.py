"""From values to text that an engine reads: the one Jinja environment, Python source, YAML."""

"""Whether an artifact is there, new and whole, and what a log says when it is not."""

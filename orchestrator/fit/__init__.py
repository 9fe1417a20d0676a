"""Memory of a training, a conversion and a merge, from config.json alone: arithmetic, no torch."""

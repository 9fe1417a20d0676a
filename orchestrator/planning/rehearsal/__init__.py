"""A rehearsal: the same recipe through the same engine commands, on a tiny model, on the CPU."""

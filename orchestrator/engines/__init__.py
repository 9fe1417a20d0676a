"""The engines: the protocol, one typed registry, and a package an engine."""

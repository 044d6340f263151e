"""The mode ``measure``: raw observations of names, ports, TLS and HTTP."""

"""Ports, ways, the home line, the host itself."""

"""Servers of the practice internet."""

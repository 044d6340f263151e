"""Changing a Setup: what is possible, what it means, what is left to do."""

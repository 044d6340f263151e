"""Changing a setup."""

"""Recipes for the ways between servers."""

"""Recipes for what every server gets."""

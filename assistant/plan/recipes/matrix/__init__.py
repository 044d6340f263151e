"""Recipes for Synapse and what it needs."""

"""Recipes: the private resolver, dynamic DNS."""

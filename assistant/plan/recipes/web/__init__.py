"""Recipes for nginx, certificates and web pages."""

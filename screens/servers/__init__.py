"""Typing, reaching and saving servers."""

"""Questions and recommendation."""

"""Review, apply, and the run on screen."""

"""The pages of checks and of the diagnosis."""

"""The proof, people, and the summary."""

"""The recommendation: options, hard rules, weights, ranking, and what would change it."""

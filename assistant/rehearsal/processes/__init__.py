"""The containment and its long-lived processes."""

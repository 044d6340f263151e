"""What a check found, where it was seen from, and how two rounds compare."""

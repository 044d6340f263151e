"""What pages ask of the world, and the real answer."""

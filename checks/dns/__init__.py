"""Records and resolvers."""

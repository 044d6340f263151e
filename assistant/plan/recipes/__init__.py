"""The recipes: one module per service, its template files beside it."""

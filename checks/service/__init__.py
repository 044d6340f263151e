"""TLS, Matrix, links."""

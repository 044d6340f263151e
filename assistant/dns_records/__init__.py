"""Public records, set at the company that answers for the domain."""

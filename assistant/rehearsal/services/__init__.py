"""DNS, certificate authority, mirrors and web servers of the practice internet."""

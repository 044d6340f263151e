"""One module per family of resources; each offers ``HANDLERS``, from kind to handler."""

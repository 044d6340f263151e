"""The verbs that command line and screens share: trust, check, apply, follow, prove."""

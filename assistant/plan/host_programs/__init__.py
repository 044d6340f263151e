"""Programs copied to hosts: standard library only, and they import nothing of ours."""

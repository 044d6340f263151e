"""What touches the operating system: files, processes, apt, systemd."""

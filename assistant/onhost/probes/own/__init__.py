"""What a server of ours sees of itself: services, database, disks, settings, firewall."""

"""The mode ``accounts``: Matrix users, through Synapse."""

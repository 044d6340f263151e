"""One deployment: its data, its file, its store, its history."""

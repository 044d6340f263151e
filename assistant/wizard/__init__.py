"""What is typed before there is a Setup, and which page comes next."""

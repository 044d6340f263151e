"""What the practice internet is built from: images, packages, wheels, needs of this machine."""

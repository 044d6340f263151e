"""What the servers tell about themselves: are they fit for it, and does what they run work?"""

"""What runs on the user's servers. Python's standard library only, Python 3.10 and later.

The files of this folder are streamed to a host over SSH and run there from memory; a host that was
set up keeps them in our own folder for the next time. Nothing here imports from the rest of the
program.
"""

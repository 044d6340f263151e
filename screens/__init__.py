"""The screens of the wizard. Only this folder knows Textual."""

import os

# Textual waits for the next picture after each change: shorter is a faster answer to a key. It
# reads this when it is imported.
os.environ.setdefault("TEXTUAL_FPS", "120")

"""Small helpers every folder may use: errors, what people type, files written whole.

Admission: used by three or more folders, and imports only ``text`` and ``onhost``.
"""

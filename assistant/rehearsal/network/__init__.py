"""Wires, the border, home lines, devices and captures."""

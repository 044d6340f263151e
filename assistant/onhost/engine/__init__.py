"""The engine of a run: inspect, apply, undo, fallback, receipts and journals."""

"""The Compare page: every method at the same cost."""

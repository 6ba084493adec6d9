"""Measurements over many pictures."""

"""The Coherence page: is the kept set in one piece, and does it matter?"""

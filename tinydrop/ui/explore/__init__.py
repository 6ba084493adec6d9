"""The Explore page: one picture, step by step."""

"""The Tune page: tau and gamma against measured accuracy and cost."""

"""What the pages share, and nothing else is shared."""

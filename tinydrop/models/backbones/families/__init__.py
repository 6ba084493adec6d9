"""One file for each family of timm's transformers that can answer from any set of patches."""

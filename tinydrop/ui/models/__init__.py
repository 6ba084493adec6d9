"""The Models page: does a timm model fit, with the proof."""

"""Swin and Swin V2: attention inside shifted windows, on the windows that are kept."""

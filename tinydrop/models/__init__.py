"""What runs: backbones, their maps and costs, reduction, slimming, pairs.

The only door to timm.
"""

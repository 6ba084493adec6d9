"""The method without models: tokens, budget, selection, coherence, statistics, results."""

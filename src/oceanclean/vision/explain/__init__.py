"""Explanation: where a model looked, which bands mattered, where it was right and wrong, and how far to believe it."""

"""Text on pages: escaping, labels, descriptions of choices and the glossary.

Sentences of a single panel stay in that panel; number formats are in `imprint_core.evaluation.metrics`.
"""

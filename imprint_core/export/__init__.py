"""Files for users: reports, Python snippets, model cards and torch heads.

Charts inside reports come from `figures`.
"""

PAPER = "Westerhoff et al., Robust Weight Imprinting, TMLR 2025, arXiv 2503.14572"

"""What users take along: reports, Python snippets, model cards and torch heads.

Charts inside reports come from `figures`.
"""

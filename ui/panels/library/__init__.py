"""Panels of the Library page: the table of embedding sets, and the form that embeds a dataset.

Running embeddings and the choice of an FM are in `ui.widgets`, because the page of the user's own data shares them.
"""

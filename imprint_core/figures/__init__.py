"""Plotly figures: data in, figure out. Colours and symbols are in `style`.

Nothing here computes results or knows of pages.
"""

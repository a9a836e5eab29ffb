"""Figures as dictionaries in Plotly's JSON format: data in, figure out. Colours and symbols are in `style`.

`plotly.graph_objects.Figure(figure)` makes one a Plotly object. Nothing here computes results or knows of pages.
"""

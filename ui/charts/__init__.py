"""Charts on the page: Plotly figures drawn in place, and charts that several pages share.

The figures themselves are built in `imprint_core.figures`.
"""

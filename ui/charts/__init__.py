"""Charts on the page: Plotly figures drawn in place, charts that several pages share, the record of a run.

The figures themselves are built in `imprint_core.figures`.
"""

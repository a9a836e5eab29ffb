"""The Share dialog: links, settings files, reports and what a run has drawn.

The files themselves are built in `imprint_core.export`.
"""

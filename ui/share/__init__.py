"""The Share dialog: links, settings files and reports.

The files themselves are built in `imprint_core.export`.
"""

"""The Share dialog with links, settings files and reports, and the presenter view.

The files themselves are built in `imprint_core.export`.
"""

"""The command line: one module per command, `main` parses and dispatches.

Maintenance of the bundled files is in `maintenance`.
"""

"""Moving between pages, and messages that outlive a rerun.

The page table is in `app.py`.
"""

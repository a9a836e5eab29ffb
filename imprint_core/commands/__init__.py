"""The commands of `python -m imprint_core`, a file each: its options, and what it does."""

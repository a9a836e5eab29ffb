"""What one server process does for all its visitors: garbage collection and the use of cores.

What a session selects and sees is in the packages above.
"""

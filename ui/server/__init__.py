"""What one server process does for all its visitors: start, garbage collection, the use of cores, and a classroom.

What a session selects and sees is in the packages above.
"""

"""What one server process does for all its visitors: start, garbage collection, the use of cores, roles in a classroom.

What a session selects and sees is in the packages above.
"""

"""What one server process does for all its visitors: start, memory, the use of cores, a limit of requests, a classroom.

What a session selects and sees is in the packages above.
"""

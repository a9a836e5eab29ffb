"""Work outside the current thread: processes that outlive the page that started them, and parallel threads.

What the work computes is in the packages that use it.
"""

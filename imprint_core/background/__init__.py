"""Work beside the current thread: processes that outlive the page that started them, parallel threads, and LAPACK.

What the work computes is in the packages that use it.
"""

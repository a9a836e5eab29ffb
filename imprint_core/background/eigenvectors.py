"""Eigenvectors of symmetric matrices, computed while other threads of the process run."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray


@cache
def _solver(name: str) -> Callable[..., None]:
    """Return a function of the LAPACK that comes with SciPy; Python's global lock is released while it runs."""
    from scipy.linalg import cython_lapack

    api = ctypes.pythonapi
    capsule_name = ctypes.PYFUNCTYPE(ctypes.c_char_p, ctypes.py_object)(("PyCapsule_GetName", api))
    pointer = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(("PyCapsule_GetPointer", api))
    capsule = cython_lapack.__pyx_capi__[name]
    return ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 11)(pointer(capsule, capsule_name(capsule)))


def eigenvectors(symmetric: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return eigenvalues, ascending, and eigenvectors, as columns, of a symmetric matrix.

    By divide and conquer (LAPACK's `syevd`), as `scipy.linalg.eigh` with the driver `evd`, which would keep every other
    thread of the process waiting. `numpy.linalg.eigh` lets them run, but computes float32 in double precision and
    takes twice as long.

    Parameters
    ----------
    symmetric : ndarray of shape (n, n), float32 or float64
        Only its lower triangle is read.

    Returns
    -------
    values : ndarray of shape (n,)
        In the matrix's precision.
    vectors : ndarray of shape (n, n)

    Raises
    ------
    numpy.linalg.LinAlgError
        If the iteration doesn't converge, as with NaN.
    """
    n = len(symmetric)
    # Overwritten by the eigenvectors.
    matrix = np.array(symmetric, order="F")
    values = np.empty(n, matrix.dtype)
    work, integers = np.empty(1 + 6 * n + 2 * n**2, matrix.dtype), np.empty(3 + 5 * n, np.int32)
    info = np.zeros(1, np.int32)

    def number(value: int) -> NDArray[np.int32]:
        return np.array([value], np.int32)

    size = number(n)
    arguments = (
        np.frombuffer(b"V", np.uint8),
        np.frombuffer(b"L", np.uint8),
        *(size, matrix, size, values),
        *(work, number(len(work)), integers, number(len(integers)), info),
    )
    _solver("ssyevd" if matrix.dtype == np.float32 else "dsyevd")(*[each.ctypes.data for each in arguments])
    if info[0] or not np.isfinite(values).all():
        raise np.linalg.LinAlgError("The eigenvalues don't converge.")
    return values, matrix

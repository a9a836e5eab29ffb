"""Exceptions whose message is displayed to users."""


class ImprintError(ValueError):
    """Unusable input; the message says what is wrong and how to correct it.

    Pages and the command line display the message and continue. Any other exception is a bug and keeps its traceback.
    """


class OutOfRangeError(ImprintError):
    """A number of a table that is out of its range.

    Attributes
    ----------
    name : str
        Key of the number in `NUMBERS`.
    nearest : int, float or None
        The nearest valid number; None if there is none because the value is not a number.
    """

    def __init__(self, message: str, name: str, nearest: float | None) -> None:
        super().__init__(message)
        self.name = name
        self.nearest = nearest

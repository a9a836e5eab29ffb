"""The exception for invalid input; users read its message."""


class ImprintError(ValueError):
    """Invalid input. The message says what is wrong, then what to do.

    Pages and the command line show the message and continue. Any other exception is a bug and keeps its traceback.
    """

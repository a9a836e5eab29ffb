"""The exception whose message is displayed to users."""


class ImprintError(ValueError):
    """Unusable input; the message says what is wrong and how to correct it.

    Pages and the command line display the message and continue. Any other exception is a bug and keeps its traceback.
    """

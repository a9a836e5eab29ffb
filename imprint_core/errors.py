"""The one exception a person is meant to read."""


class ImprintError(ValueError):
    """Input that can't be used, told in one sentence: what is wrong and what would be right.

    Pages and the command line show its message as it is and go on; anything else that is
    raised is a fault of ours and keeps its trace.
    """

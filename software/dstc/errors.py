"""The one exception that a user is meant to see."""

__all__ = ["DstcError"]


class DstcError(ValueError):
    """Bad input: a file, a shape, a program, a configuration.

    The message is one sentence that names the thing, the condition and the value.  The command
    line prints it and exits with code 2; it never means a defect of dstc itself.
    """

"""Text: every way in which a number, a list or a plural is written."""

from __future__ import annotations


class Text(str):
    """Text that shows itself as it is at the prompt, line breaks and all."""

    def __repr__(self) -> str:
        return str(self)

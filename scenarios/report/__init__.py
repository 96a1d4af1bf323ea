"""The report on a comparison: findings, figures, and the documents in two forms."""

from .files import redraw, write_report
from .summary import terminal_table

__all__ = ["redraw", "terminal_table", "write_report"]

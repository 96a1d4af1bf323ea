"""What is written of a comparison."""

from .report import redraw, terminal_table, write_csv, write_report

__all__ = ["redraw", "terminal_table", "write_csv", "write_report"]

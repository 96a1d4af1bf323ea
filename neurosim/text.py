"""Text: the formats of all numbers, counts, lists and commands that are shown."""

from __future__ import annotations

import math
import re
import shlex
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import SupportsFloat

MINUS = "\u2212"  # as wide as a plus
NARROW = "\u00a0"  # keeps a number and its unit on one line


class Text(str):
    """Text that a Python prompt shows as it is, with its line breaks."""

    def __repr__(self) -> str:
        return str(self)


# -- numbers in running text and in the tables of the terminal ---------------------------------------------------------


def column(value: float) -> str:
    """Write a number to five digits in ten columns, so that numbers below each other can be compared."""
    return f"{float(value) + 0.0:>10.5g}"  # + 0.0 makes -0 a plain 0


def number(value: SupportsFloat, digits: int = 5, sign: bool = False) -> str:
    """Write a number to `digits` digits: 0.091358, -1.2e-05; with `sign`, a plus too."""
    return f"{float(value) + 0.0:{'+' if sign else ''}.{digits}g}"


def rounded(value: float, digits: int = 3) -> str:
    """Write a number to three digits, with all digits before the point: 0.123, 12.3, 1,234, 1.23e+08; "-" for NaN."""
    if math.isnan(value):
        return "-"
    return f"{value:,.0f}" if 10.0 ** (digits - 1) <= abs(value) < 1e7 else f"{value:.{digits}g}"


def fixed(value: float, decimals: int = 2) -> str:
    """Write a number with `decimals` decimals: 0.30; never -0.00."""
    return f"{round(float(value), decimals) + 0.0:.{decimals}f}"  # + 0.0 makes -0 a plain 0


def four_digits(value: SupportsFloat, sign: bool = False) -> str:
    """Write a number to four digits with a true minus; with `sign`, a plus too."""
    return format(float(value), "+.4g" if sign else ".4g").replace("-", MINUS)


def percent(share: float, decimals: int = 1) -> str:
    """Write 0.974 as "97.4 %", with a space that does not break."""
    return f"{100 * share:.{decimals}f}{NARROW}%"


def cautious_percent(share: float) -> str:
    """Write a share in percent; 0 % and 100 % only if they are exact: "< 1 %", "74 %", "> 99 %"."""
    if 0 < share < 0.005:
        return f"< 1{NARROW}%"
    return f"> 99{NARROW}%" if 0.995 <= share < 1 else percent(share, 0)


def certainty(share: float) -> str:
    """Write a probability in percent, never rounded to 0 or 100: "< 0.1 %", "0.3 %", "74 %", "98.7 %", "> 99.9 %"."""
    if 0 < share < 0.001:
        return f"< 0.1{NARROW}%"
    return f"> 99.9{NARROW}%" if share > 0.999 else percent(share, 1 if share > 0.985 or 0 < share < 0.015 else 0)


def percent_more(ratio: float) -> str:
    """Write the ratio 1.031 as "+3.1", the percent by which it is more than 1; without decimals from 100 on."""
    more = 100.0 * (ratio - 1.0)
    return f"{more:+,.1f}" if abs(more) < 99.95 else f"{more:+,.0f}"


def points(share: float, decimals: int = 2) -> str:
    """Write a difference of two shares in points: 0.0123 as "1.23"."""
    return fixed(100 * share, decimals)


def mean_and_sd(mean: float, sd: float, decimals: int = 2) -> str:
    """Write "97.40 ± 0.12", both with the same decimals; the mean alone if the standard deviation is NaN."""
    return fixed(mean, decimals) + (f" ± {fixed(sd, decimals)}" if math.isfinite(sd) else "")


def signed(value: float, decimals: int = 2) -> str:
    """Write a number with its sign, +1.20 or -0.35; with more digits if it would round to 0: -0.004, never -0.00."""
    for digits in range(decimals, decimals + 3):
        text = f"{value:+.{digits}f}"
        if float(text) != 0.0:
            return text
    return f"{0.0:.{decimals}f}"


def interval(low: float, high: float) -> str:
    """Write the ends of an interval of differences: [-0.35, +1.20]."""
    return f"[{signed(low)}, {signed(high)}]"


def thousands(value: float, decimals: int = 0) -> str:
    """Write 60000 as "60,000"."""
    return f"{value:,.{decimals}f}"


def setting(value: object) -> str:
    """Write the value of a setting: "128,64", "yes", 0.001; "-" for None, "none" for an empty list."""
    if isinstance(value, tuple | list):
        return ",".join(map(str, value)) or "none"
    if value is None or isinstance(value, bool):
        return "-" if value is None else "yes" if value else "no"
    return plain(value) if isinstance(value, float) else str(value)


# -- numbers in figures ------------------------------------------------------------------------------------------------


def short(value: float | None, digits: int = 3) -> str:
    """Write a number in few characters: about `digits` significant digits, a true minus, a short exponent.

    Example:
        >>> short(0.000012345), short(1234.5), short(2.0)
        ('1.23e−5', '1234', '2')
    """
    if value is None:
        return "none"
    value = float(value)
    if not math.isfinite(value):
        return "nan" if math.isnan(value) else "∞" if value > 0 else f"{MINUS}∞"
    if value == 0:
        return "0"
    exponent = math.floor(math.log10(abs(value)))
    if -3 <= exponent < 5:
        text = f"{value:.{max(0, digits - 1 - exponent)}f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
    else:
        mantissa, power = f"{value:.{digits - 1}e}".split("e")
        text = f"{mantissa.rstrip('0').rstrip('.') if '.' in mantissa else mantissa}e{int(power)}"
    return text.replace("-", MINUS)


def signed_short(value: float) -> str:
    """Write a number in short form, with its sign."""
    return f"+{short(value)}" if value > 0 else short(value)


def plus(value: float) -> str:
    """Write a term of a sum: "+ 2" or "− 2"."""
    return f"{MINUS} {short(-value)}" if value < 0 else f"+ {short(value)}"


def probability(value: float) -> str:
    """Write a number in short form, never rounded up to 1."""
    return short(value, 8 if 0.999 < value < 1 else 3)


def short_pair(before: float, after: float) -> tuple[str, str]:
    """Write two numbers with the same decimals: enough digits to see their difference, at most eight.

    Example:
        >>> short_pair(0.152, 0.15201)
        ('0.15200', '0.15201')
    """
    sizes = [abs(value) for value in (before, after) if math.isfinite(value) and value != 0]
    if len(sizes) < 2 or not (min(sizes) >= 1e-4 and max(sizes) < 1e7):
        for digits in range(3, 9):
            texts = short(before, digits), short(after, digits)
            if before == after or texts[0] != texts[1]:
                break
        return texts
    least = min(*sizes, abs(after - before) * 100 or math.inf)
    decimals = min(max(2 - math.floor(math.log10(least)), 0), 8)
    first, second = (f"{value:.{decimals}f}".replace("-", MINUS) for value in (before, after))
    return first, second


def span(values: Iterable[float]) -> str:
    """Write the smallest and the largest of the finite values: "0 to 1"."""
    finite = [float(value) for value in values if math.isfinite(value)]
    if not finite:
        return "no finite number"
    low, high = short(min(finite)), short(max(finite))
    return f"all {low}" if min(finite) == max(finite) else f"{low} to {high}"


def typeset(text: str) -> str:
    """Change text of the terminal to the form of a printed page: δ for delta, a true minus, ×, an arrow, indices.

    Example:
        >>> typeset("delta = -0.5 * 2 -> Σ w_k delta_k, L = -ln(a)")
        'δ = −0.5 × 2 → Σ wₖ δₖ, L = −ln(a)'
    """
    text = re.sub(r"\bdelta(?![a-z])", "δ", text.replace("->", "→"))
    text = re.sub(r"(^| )\*(?= )", r"\1×", text)
    text = re.sub(r"_([kj])\b", lambda index: {"k": "ₖ", "j": "ⱼ"}[index[1]], text)
    text = re.sub(r"(?<![\w.])-(?=[\d.])|(?<=\de)-(?=\d)|(?<![^ (])-(?=[ (]|[^\W\d_])", MINUS, text)
    text = re.sub(r"(?<=\d) %", "\u00a0%", text)
    return text.replace(f"+ {MINUS}", f"{MINUS} ")


def plain(value: float) -> str:
    """Write a number in at most six digits; without an exponent from a millionth to a billion: 0.00001, 1,500."""
    if value and not 1e-6 <= abs(value) < 1e9:
        return f"{value:g}"
    return f"{float(f'{value:.6g}'):,.11f}".rstrip("0").rstrip(".")


def decimals_of(value: float) -> int:
    """Return the number of decimals that show three digits of `value`, at most six."""
    if not math.isfinite(value) or value == 0:
        return 2
    return min(max(2 - math.floor(math.log10(abs(value))), 0), 6)


def name_of(value: object) -> str:
    """Write the name of a layer, a neuron or a setting: a number without needless digits, other names unchanged."""
    return f"{float(value):g}" if isinstance(value, SupportsFloat) else str(value)


def abbreviated(value: float) -> str:
    """Write a number as 1, 10, 100, 1k, 10k … 1M."""
    for size, unit in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


# -- counts and lists --------------------------------------------------------------------------------------------------


def counted(count: int, what: str, many: str | None = None) -> str:
    """Write a count with its noun: "1 weight", "1,200 weights"; "2 batches" with `many`, the plural."""
    return f"{count:,} {what if count == 1 else many or what + 's'}"


def picture_size(height: int, width: int) -> str:
    """Write the size of a picture: "28 x 28 pixels", "64 pixels wide and 51 high"."""
    return f"{height} x {width} pixels" if height == width else f"{width} pixels wide and {height} high"


def size_in_memory(count: int) -> str:
    """Write a number of bytes: "68 bytes", "397 KiB"."""
    return counted(count, "byte") if count < 1024 else f"{count / 1024:,.0f} KiB"


def computed_with(threads: int, engine: str | None) -> str:
    """Write the number of threads and the engine: "1 thread and the compiled engine"; only the threads if unknown."""
    name = {"numpy": "NumPy", "compiled": "compiled"}.get(engine or "")
    return counted(threads, "thread") + (f" and the {name} engine" if name else "")


def listing(names: Sequence[str], last: str = "and") -> str:
    """Write ["a", "b", "c"] as "a, b and c", with `last` before the last; semicolons if names contain commas."""
    if len(names) == 1:
        return names[0]
    if any("," in name for name in names):
        return f"{'; '.join(names[:-1])}; {last} {names[-1]}"
    return f"{', '.join(names[:-1])} {last} {names[-1]}"


# -- commands ----------------------------------------------------------------------------------------------------------


def program() -> str:
    """Return how the command line was started: "neurosim" or "python main.py"."""
    return "neurosim" if Path(sys.argv[0]).stem == "neurosim" else "python main.py"


def command_line(*words: str) -> str:
    """Write a command as it is typed: "python main.py train --resume run"."""
    return shlex.join([*program().split(), *words])


# -- text from outside: names of files, classes, features, data --------------------------------------------------------

UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters, except tab and line feed
    "\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]"  # characters that reverse text, or break it
)
MARKDOWN = re.compile(r"[`*~$|\[\]<>&]|(?<!\w)_|_(?!\w)|\\(?=[!-/:-@\[-`{-~]|$)")  # "_" in a word is plain
BEGINS_BLOCK = re.compile(r"^(\s*)([#+=-]+(?=\s|$)|\d+(?=[.)]\s))")  # a heading, a list, a rule


def readable(text: str) -> str:
    r"""Write the bytes of a file name that are not UTF-8 as escapes, "caf\xe9", so that it can be printed."""
    if not any("\ud800" <= each <= "\udfff" for each in text):
        return text
    known = re.sub("[\ud800-\udc7f\udd00-\udfff]", "\N{REPLACEMENT CHARACTER}", text)  # half a letter, not a byte
    return known.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def visible(text: str) -> str:
    r"""Write control and bidirectional characters as escapes, so that they have no effect: "\x1b[31m", "\u202e".

    Tabs and line breaks stay.
    """
    return UNSEEN.sub(lambda found: _escape(ord(found[0])), readable(text))


def _escape(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def cut(text: str, longest: int) -> str:
    """Cut each line of a text at `longest` characters, with an ellipsis at its end."""
    lines = text.split("\n")
    return "\n".join(line if len(line) <= longest else f"{line[: longest - 1].rstrip()}\u2026" for line in lines)


def markdown(text: str) -> str:
    r"""Write a text as Markdown that shows exactly this text, on one line: "\<b\>". `Backticks` enclose code."""
    line = re.sub(r"\s*\n\s*", " ", visible(text))
    parts = re.split(r"(`[^`]+`)", line)
    parts[::2] = [MARKDOWN.sub(r"\\\g<0>", part) for part in parts[::2]]
    return BEGINS_BLOCK.sub(r"\1\2\\" if line.lstrip()[:1].isdecimal() else r"\1\\\2", "".join(parts))

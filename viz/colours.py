"""Every colour of the figures and the reports, by what it is for; needs no matplotlib."""

INK_COLOUR = "#222222"
"""Text, and lines that are as important."""
MUTED = "#6b6b6b"
"""Text that explains, and what has no colour of its own."""
AXIS = "#8c8c8c"
"""Axes, zero, rims and leaders."""
RULE = "#bdbdbd"
"""The same where they must not compete with many thin lines, and hatching."""
FAINT = "#d9d9d9"
"""Where nothing was recorded, and the edges of images."""
GRID = "#e6e6e6"
PALE = "#efefef"
"""Backgrounds of cells and rows."""

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#7f7f7f")
"""Okabe and Ito: blue, vermilion, green, purple, orange, sky blue, black; and grey instead of yellow."""
LIGHT_PAGE = {"text": INK_COLOUR, "soft": MUTED, "rule": FAINT, "back": "#ffffff", "band": PALE, "mark": PALETTE[1]}
DARK_PAGE = {
    "text": "#e8e8e8",
    "soft": "#a8a8a8",
    "rule": "#4d4d4d",
    "back": "#161616",
    "band": "#242424",
    "mark": PALETTE[4],
}
"""Colours of a web page, by what they are for, on light and on dark screens."""
SHARES = ("#ffffff", "#fdd9b0", "#f19a4e", "#c4500a", "#7f2b04")
"""Shares and counts: white to dark orange, lightness falling all the way."""

"""Every colour of the figures and the reports, named by its purpose; needs no matplotlib."""

INK_COLOUR = "#222222"
"""Text, and lines that are as important."""
MUTED = "#6b6b6b"
"""Text that explains, and lines without their own colour."""
AXIS = "#8c8c8c"
"""Axes, zero, rims and leaders."""
RULE = "#bdbdbd"
"""Hatching, and axes among many thin lines."""
FAINT = "#d9d9d9"
"""Missing records, and the edges of images."""
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
"""Colours of a web page, named by their purpose, on light and on dark screens."""
SHARES = ("#ffffff", "#fdd9b0", "#f19a4e", "#c4500a", "#7f2b04")
"""Shares and counts: from white to dark orange, with falling lightness."""

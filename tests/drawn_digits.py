"""Digits as a person draws them in a paint program or on paper: pen strokes, 200 x 200, black on white.

They are independent of the built-in digits of `neurosim.data`: Pillow draws other strokes.
"""

import io

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SIDE = 200
LOOKS = ("thick", "thin", "off centre", "slanted", "photograph")

# digit -> ways to write it; a way is strokes, a stroke is points (x, y) in a box from 0 to 1, y down
STROKES = {
    0: [
        [[(0.5, 0), (0.2, 0.15), (0.1, 0.5), (0.2, 0.85), (0.5, 1), (0.8, 0.85), (0.9, 0.5), (0.8, 0.15), (0.5, 0)]],
        [
            [
                (0.6, 0.02),
                (0.3, 0.1),
                (0.22, 0.5),
                (0.3, 0.9),
                (0.5, 1),
                (0.7, 0.9),
                (0.78, 0.5),
                (0.7, 0.1),
                (0.5, 0.03),
            ]
        ],
    ],
    1: [
        [[(0.5, 0), (0.5, 1)]],
        [[(0.3, 0.22), (0.55, 0), (0.55, 1)]],
    ],
    2: [
        [[(0.15, 0.25), (0.3, 0.05), (0.55, 0), (0.8, 0.12), (0.8, 0.35), (0.55, 0.65), (0.15, 1), (0.9, 1)]],
        [
            [
                (0.2, 0.2),
                (0.4, 0.02),
                (0.7, 0.05),
                (0.8, 0.3),
                (0.6, 0.6),
                (0.3, 0.9),
                (0.15, 0.95),
                (0.2, 0.82),
                (0.4, 0.85),
                (0.65, 1),
                (0.9, 0.92),
            ]
        ],
    ],
    3: [
        [
            [
                (0.15, 0.12),
                (0.4, 0),
                (0.7, 0.05),
                (0.78, 0.25),
                (0.6, 0.42),
                (0.38, 0.47),
                (0.65, 0.53),
                (0.85, 0.73),
                (0.7, 0.95),
                (0.4, 1),
                (0.12, 0.88),
            ]
        ],
        [[(0.15, 0.03), (0.8, 0.03), (0.45, 0.4), (0.72, 0.48), (0.85, 0.7), (0.68, 0.95), (0.38, 1), (0.12, 0.88)]],
    ],
    4: [
        [[(0.3, 0), (0.12, 0.6), (0.9, 0.6)], [(0.68, 0.25), (0.64, 1)]],
        [[(0.65, 1), (0.65, 0), (0.1, 0.65), (0.92, 0.65)]],
    ],
    5: [
        [
            [(0.25, 0.03), (0.2, 0.45), (0.5, 0.38), (0.78, 0.5), (0.82, 0.75), (0.6, 0.97), (0.3, 1), (0.1, 0.9)],
            [(0.25, 0.03), (0.8, 0)],
        ],
        [[(0.85, 0), (0.3, 0.02), (0.22, 0.42), (0.55, 0.4), (0.8, 0.58), (0.75, 0.88), (0.45, 1), (0.15, 0.92)]],
    ],
    6: [
        [
            [
                (0.7, 0),
                (0.4, 0.2),
                (0.2, 0.5),
                (0.17, 0.8),
                (0.35, 1),
                (0.65, 0.98),
                (0.8, 0.78),
                (0.65, 0.58),
                (0.4, 0.57),
                (0.2, 0.75),
            ]
        ],
        [
            [
                (0.45, 0),
                (0.28, 0.3),
                (0.2, 0.65),
                (0.3, 0.95),
                (0.55, 1),
                (0.78, 0.88),
                (0.78, 0.65),
                (0.55, 0.55),
                (0.3, 0.68),
                (0.24, 0.82),
            ]
        ],
    ],
    7: [
        [[(0.1, 0.03), (0.85, 0), (0.6, 0.45), (0.42, 1)]],
        [[(0.12, 0.02), (0.85, 0.02), (0.5, 0.55), (0.38, 1)], [(0.3, 0.5), (0.78, 0.48)]],
    ],
    8: [
        [
            [
                (0.75, 0.12),
                (0.5, 0),
                (0.25, 0.12),
                (0.3, 0.35),
                (0.7, 0.62),
                (0.75, 0.88),
                (0.5, 1),
                (0.25, 0.88),
                (0.3, 0.62),
                (0.68, 0.35),
                (0.75, 0.12),
            ]
        ],
        [
            [(0.5, 0), (0.25, 0.1), (0.25, 0.36), (0.5, 0.46), (0.75, 0.36), (0.75, 0.1), (0.5, 0)],
            [(0.5, 0.46), (0.2, 0.6), (0.2, 0.9), (0.5, 1), (0.8, 0.9), (0.8, 0.6), (0.5, 0.46)],
        ],
    ],
    9: [
        [
            [(0.75, 0.2), (0.6, 0.02), (0.35, 0.03), (0.2, 0.22), (0.3, 0.45), (0.55, 0.46), (0.75, 0.2)],
            [(0.75, 0.1), (0.72, 0.6), (0.6, 1)],
        ],
        [
            [
                (0.78, 0.15),
                (0.5, 0),
                (0.22, 0.15),
                (0.22, 0.4),
                (0.5, 0.5),
                (0.78, 0.3),
                (0.78, 0.15),
                (0.78, 0.7),
                (0.65, 0.95),
                (0.35, 1),
            ]
        ],
    ],
}


def smooth(points, steps=12):
    """Return a Catmull-Rom curve through points (n, 2)."""
    points = np.asarray(points, float)
    if len(points) == 2:
        return points
    p = np.vstack([2 * points[0] - points[1], points, 2 * points[-1] - points[-2]])
    t = np.linspace(0, 1, steps)[:, None]
    parts = [
        0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
        for a, b, c, d in zip(p, p[1:], p[2:], p[3:], strict=False)
    ]
    return np.vstack(parts)


def strokes_of(digit, rng, shake=0.025):
    """Return the strokes of a digit in one of its ways, slightly moved, stretched and turned at random."""
    way = STROKES[digit][rng.integers(len(STROKES[digit]))]
    turn, width = rng.normal(0, 0.05), rng.uniform(0.55, 0.8)
    rotate = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    sharp = digit in (4, 7) or (digit == 1 and len(way[0]) > 2)
    drawn = []
    for stroke in way:
        points = np.asarray(stroke) + rng.normal(0, shake, (len(stroke), 2))
        points = points if sharp else smooth(points)
        drawn.append(((points - 0.5) * (width, 1)) @ rotate)
    return drawn


def draw(strokes, height, pen, centre=(100, 100), slant=0.0, side=SIDE):
    """Draw strokes with a round pen, dark on white: a grey picture (side, side)."""
    scale = 4  # drawn larger, then reduced: smooth edges
    image = Image.new("L", (side * scale, side * scale), 255)
    canvas = ImageDraw.Draw(image)
    for stroke in strokes:
        points = stroke @ np.array([[1, 0], [-slant, 1]])
        points = [tuple((np.array(centre) + height * point) * scale) for point in points]
        canvas.line(points, fill=0, width=round(pen * scale), joint="curve")
        radius = pen * scale / 2
        for x, y in points:
            canvas.ellipse((x - radius, y - radius, x + radius, y + radius), fill=0)
    return image.resize((side, side), Image.Resampling.BOX)


def photographed(image, rng):
    """Return the drawing like a photograph: at an angle, in uneven light, slightly blurred, with noise, as a JPEG."""
    side = image.width
    corners = np.array([(0, 0), (0, side), (side, side), (side, 0)]) + rng.uniform(-0.1, 0.1, (4, 2)) * side
    rows = []
    for (x, y), (u, v) in zip([(0, 0), (0, side), (side, side), (side, 0)], corners, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
    coefficients = np.linalg.solve(np.array(rows, float), corners.ravel())
    image = image.transform(
        image.size, Image.Transform.PERSPECTIVE, tuple(coefficients), Image.Resampling.BILINEAR, fillcolor=255
    )
    image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.8, 2.0)))
    grey = np.asarray(image, float) / 255
    y, x = np.mgrid[0:side, 0:side] / side - 0.5
    angle = rng.uniform(0, 2 * np.pi)
    lamp = np.hypot(x - rng.uniform(-0.5, 0.5), y - rng.uniform(-0.5, 0.5))
    light = 0.75 + 0.35 * (np.cos(angle) * x + np.sin(angle) * y) - 0.25 * lamp
    reflected = light * (0.18 + 0.82 * grey)  # ink is dark grey, paper nearly white
    noisy = reflected + rng.normal(0, 0.03, grey.shape)
    stream = io.BytesIO()
    tint = np.array([1.0, 0.96, 0.88])  # the light of a lamp
    colours = np.clip(255 * noisy[:, :, None] * tint, 0, 255).astype(np.uint8)
    Image.fromarray(colours).save(stream, "JPEG", quality=80)
    return Image.open(io.BytesIO(stream.getvalue()))


def drawn_digit(digit, look, rng):
    """Draw a digit in one of `LOOKS`, 200 x 200, black on white, with Pillow."""
    strokes = strokes_of(digit, rng)
    if look == "thick":
        return draw(strokes, rng.uniform(120, 150), rng.uniform(18, 26))
    if look == "thin":
        return draw(strokes, rng.uniform(110, 160), rng.uniform(3, 5))
    if look == "off centre":
        centre = rng.choice([60, 140], 2) + rng.uniform(-5, 5, 2)
        return draw(strokes, rng.uniform(60, 90), rng.uniform(7, 11), centre)
    if look == "slanted":
        return draw(strokes, rng.uniform(110, 140), rng.uniform(9, 14), slant=rng.uniform(0.25, 0.45))
    return photographed(draw(strokes, rng.uniform(90, 130), rng.uniform(9, 14)), rng)


def write_digits(folder, seed):
    """Write ten digits in five looks as PNG files (the photographs as JPEG); return path -> (digit, look)."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    written = {}
    for look in LOOKS:
        for digit in range(10):
            path = folder / f"{look.replace(' ', '_')}-{digit}.{'jpg' if look == 'photograph' else 'png'}"
            drawn_digit(digit, look, rng).save(path)
            written[path] = (digit, look)
    return written

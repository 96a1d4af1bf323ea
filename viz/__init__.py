"""Pictures of networks and their training, drawn with matplotlib.

Data in, axes out.  **The rule:** a picture with one pair of axes takes `ax=None` and returns the `Axes`; a
picture of several panels takes `fig=None` (a Figure or a SubFigure) and returns that `Figure`.  Without `ax`
or `fig` a new figure is made, which pyplot never hears of; nothing is shown or closed here.
`save(axes_or_figure, path, note)` writes a PNG.

Axes:   `learning_curves`, `comparison`, `delta_against_error`, `rate_sensitivity`, `weight_grid`,
`confusion_matrix`,
        `mistakes`, `contact_sheet`, `activation_by_class`, `top_samples`, `maximizing_input`,
        `speed_comparison`, `step_profile`
Figure: `history_curves`, `activation_curves`, `gradient_flow`, `unit_health`, `neuron_story`,
        `step_cost`, `scaling`
GIF:    `neuron_film`

Example:
    >>> styles = viz.variant_style(results["variant"].unique())
    >>> ax = viz.learning_curves(results, "val_accuracy", styles=styles)
    >>> viz.save(ax, "curves.png", note="data: built-in digits, NOT MNIST")
"""

from .bench import scaling, speed_comparison, step_cost, step_profile
from .confusion import confusion_matrix
from .curves import history_curves, learning_curves
from .dotplot import comparison
from .film import neuron_film
from .flow import gradient_flow, unit_health
from .functions import activation_curves, delta_against_error
from .images import contact_sheet, mistakes, weight_grid
from .neuron import neuron_story
from .rates import rate_sensitivity
from .response import activation_by_class, maximizing_input, top_samples
from .style import new_axes, new_figure, save, variant_style

__all__ = [
    "activation_by_class",
    "activation_curves",
    "comparison",
    "confusion_matrix",
    "contact_sheet",
    "delta_against_error",
    "gradient_flow",
    "history_curves",
    "learning_curves",
    "maximizing_input",
    "mistakes",
    "neuron_film",
    "neuron_story",
    "new_axes",
    "new_figure",
    "rate_sensitivity",
    "save",
    "scaling",
    "speed_comparison",
    "step_cost",
    "step_profile",
    "top_samples",
    "unit_health",
    "variant_style",
    "weight_grid",
]

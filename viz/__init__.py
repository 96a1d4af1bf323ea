"""Pictures of networks and their training, drawn with matplotlib.

Data in, axes out.  **The rule:** a picture with one pair of axes takes `ax=None` and returns the `Axes`; a
picture of several panels takes `fig=None` (a Figure or a SubFigure) and returns that `Figure`.  Without `ax`
or `fig` a new figure is made, which pyplot never hears of; nothing is shown or closed here.
`save(axes_or_figure, path, note)` writes a PNG.

Axes:   `learning_curves`, `comparison`, `frontier`, `heatmap`, `delta_against_error`, `rate_sensitivity`,
        `range_test`, `spread_by_layer`, `timeline`, `weight_grid`, `filmstrip`, `confusion_matrix`, `mistakes`,
        `contact_sheet`, `activation_by_class`, `top_samples`, `maximizing_input`, `decision_boundary`,
        `loss_surface`, `speed_comparison`, `step_profile`
Figure: `history_curves`, `activation_curves`, `gradient_flow`, `unit_health`, `histogram_over_time`,
        `schedule_and_loss`, `neurons_together`, `neuron_story`, `step_cost`, `scaling`
GIF:    `neuron_film`, `weight_film`

Example:
    >>> styles = viz.variant_style(results["variant"].unique())
    >>> ax = viz.learning_curves(results, "val_accuracy", styles=styles)
    >>> viz.save(ax, "curves.png", note="data: built-in digits, NOT MNIST")
"""

from .bench import scaling, speed_comparison, step_cost, step_profile
from .boundary import decision_boundary
from .confusion import confusion_matrix
from .curves import history_curves, learning_curves
from .dotplot import comparison
from .film import neuron_film, weight_film
from .flow import gradient_flow, spread_by_layer, unit_health
from .frontier import frontier
from .functions import activation_curves, delta_against_error
from .heatmap import heatmap
from .images import contact_sheet, filmstrip, mistakes, weight_grid
from .landscape import loss_surface
from .neuron import neuron_story
from .over_time import histogram_over_time, neurons_together, timeline
from .rates import range_test, rate_sensitivity, schedule_and_loss
from .response import activation_by_class, maximizing_input, top_samples
from .style import new_axes, new_figure, save, variant_style

__all__ = [
    "activation_by_class",
    "activation_curves",
    "comparison",
    "confusion_matrix",
    "contact_sheet",
    "decision_boundary",
    "delta_against_error",
    "filmstrip",
    "frontier",
    "gradient_flow",
    "heatmap",
    "histogram_over_time",
    "history_curves",
    "learning_curves",
    "loss_surface",
    "maximizing_input",
    "mistakes",
    "neuron_film",
    "neuron_story",
    "neurons_together",
    "new_axes",
    "new_figure",
    "range_test",
    "rate_sensitivity",
    "save",
    "scaling",
    "schedule_and_loss",
    "speed_comparison",
    "spread_by_layer",
    "step_cost",
    "step_profile",
    "timeline",
    "top_samples",
    "unit_health",
    "variant_style",
    "weight_film",
    "weight_grid",
]

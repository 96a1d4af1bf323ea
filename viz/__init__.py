"""Pictures of networks and their training, drawn with matplotlib.

**The rule:** a picture with one pair of axes takes `ax=None` and returns the `Axes`.  A picture of several panels takes
`fig=None` (a Figure or a SubFigure) and returns that `Figure`.  Without `ax` or `fig` a new figure is made, and pyplot
does not manage it.  No function shows or closes a figure.  `save(axes_or_figure, path, note)` writes a PNG.

Axes:   `learning_curves`, `comparison`, `frontier`, `heatmap`, `delta_against_error`, `rate_sensitivity`,
        `range_test`, `spread_by_layer`, `timeline`, `weight_grid`, `kernel_grid`, `filmstrip`, `confusion_matrix`,
        `mistakes`, `contact_sheet`, `readings`, `readings_below`, `activation_by_class`, `top_samples`,
        `maximizing_input`, `top_patches`, `receptive_field`, `decision_boundary`, `weight_table`, `loss_surface`,
        `speed_comparison`, `step_profile`
Figure: `history_curves`, `activation_curves`, `gradient_flow`, `unit_health`, `histogram_over_time`,
        `schedule_and_loss`, `neurons_together`, `neuron_story`, `feature_maps`, `patch_products`,
        `decision_boundaries`, `predicted_and_true`, `step_cost`, `scaling`
GIF:    `neuron_film`, `weight_film`, `boundary_film`

Example:
    >>> styles = viz.variant_style(results["variant"].unique())
    >>> ax = viz.learning_curves(results, "val_accuracy", styles=styles)
    >>> viz.save(ax, "curves.png", note="data: built-in digits, NOT MNIST")
"""

from neurosim.lazy import public_names

__getattr__, __dir__, __all__ = public_names(__name__, __file__)

from .answers import readings_below as readings_below
from .bench import (
    scaling as scaling,
    speed_comparison as speed_comparison,
    step_cost as step_cost,
    step_profile as step_profile,
)
from .boundary import (
    boundary_film as boundary_film,
    decision_boundaries as decision_boundaries,
    decision_boundary as decision_boundary,
    places_around as places_around,
)
from .confusion import confusion_matrix as confusion_matrix
from .curves import (
    curves_apart as curves_apart,
    history_curves as history_curves,
    learning_curves as learning_curves,
)
from .dotplot import comparison as comparison
from .features import predicted_and_true as predicted_and_true, weight_table as weight_table
from .film import neuron_film as neuron_film, weight_film as weight_film
from .filters import (
    feature_maps as feature_maps,
    kernel_grid as kernel_grid,
    receptive_field as receptive_field,
)
from .flow import gradient_flow as gradient_flow, spread_by_layer as spread_by_layer, unit_health as unit_health
from .functions import activation_curves as activation_curves, delta_against_error as delta_against_error
from .images import (
    contact_sheet as contact_sheet,
    filmstrip as filmstrip,
    mistakes as mistakes,
    weight_grid as weight_grid,
)
from .landscape import loss_surface as loss_surface
from .matrix import heatmap as heatmap
from .neuron import neuron_story as neuron_story
from .over_time import (
    histogram_over_time as histogram_over_time,
    neurons_together as neurons_together,
    timeline as timeline,
)
from .pareto import frontier as frontier
from .patches import patch_products as patch_products, top_patches as top_patches
from .rates import (
    range_test as range_test,
    rate_sensitivity as rate_sensitivity,
    schedule_and_loss as schedule_and_loss,
)
from .readings import readings as readings
from .response import (
    activation_by_class as activation_by_class,
    maximizing_input as maximizing_input,
    top_samples as top_samples,
)
from .style import new_axes as new_axes, new_figure as new_figure, save as save
from .variants import variant_style as variant_style

"""neurosim: an object-oriented, neuron-level, educational simulator of neural networks on NumPy.

    import neurosim as ns

    train, test = ns.data.load("auto")
    net = ns.Network([ns.Input(784), ns.Dense(128, "relu"), ns.Dense(10, "softmax")], seed=0)
    net.fit(train.images, train.labels, epochs=5)
    net[1][17].weights  # one neuron of the first hidden layer, live

Every activation, loss, initializer, optimizer, schedule, regularizer and layer is a class here, and has a name in its
registry: ``ns.Adam`` is ``ns.OPTIMIZERS["adam"]``.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# module -> what it exports here.  Each is imported when it is first asked for, so that importing neurosim is quick
_EXPORTS = {
    "activations": (
        "ACTIVATIONS Activation ELU GELU HardTanh LeakyReLU Linear Mish ReLU ReLU6 SELU SiLU Sigmoid "
        "Softmax Softplus Softsign Tanh"
    ),
    "augment": "AUGMENTATIONS Affine Augmentation Compose Elastic Shift",
    "checkpoint": "Checkpoint",
    "errors": "DataError NeurosimError OutOfRangeError ShapeError",
    "gradcheck": "GradientCheck check_gradients",
    "history": "History",
    "initializers": (
        "Constant GlorotNormal GlorotUniform HeNormal HeUniform INITIALIZERS Initializer LeCunNormal "
        "LeCunUniform Normal Orthogonal Uniform Zeros"
    ),
    "landscape": "Landscape loss_landscape",
    "layers": "BatchNorm Dense Dropout Input LAYERS Layer",
    "losses": "BinaryCrossEntropy CrossEntropy Hinge Huber LOSSES Loss MAE MSE SquaredHinge",
    "metrics": "accuracy confusion_matrix per_class",
    "network": "Network",
    "neuron": "Neuron",
    "optimizers": (
        "AMSGrad AdaDelta AdaGrad AdaMax Adam AdamW Lion Momentum Nadam Nesterov OPTIMIZERS Optimizer RMSProp SGD"
    ),
    "parameters": "FlatParameters",
    "regularizers": "L1 L2 REGULARIZERS Regularizer",
    "report": "maximizing_input",
    "schedules": (
        "ConstantRate Cosine Exponential InverseTime OneCycle ReduceOnPlateau SCHEDULES Schedule StepDecay WarmUp"
    ),
    "stepper": "Stepper",
    "trace": "Trace",
    "training": "Callback EarlyStopping GradientNorms fit",
}
_MODULE_OF = {name: module for module, names in _EXPORTS.items() for name in names.split()}
_MODULES = {*_EXPORTS, "data", "errors", "files", "html", "interventions", "prompt", "registry", "settings"}
__all__ = sorted([*_MODULE_OF, "data"])


def __getattr__(name: str) -> Any:
    """Import a name, or a module of neurosim, at its first use."""
    if name in _MODULE_OF:
        value = globals()[name] = getattr(import_module(f".{_MODULE_OF[name]}", __name__), name)
        return value
    if name in _MODULES:
        return import_module(f".{name}", __name__)
    from .registry import did_you_mean

    raise AttributeError(f"module 'neurosim' has no attribute {name!r}{did_you_mean(name, __all__)}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULE_OF, *_MODULES})


if TYPE_CHECKING:
    from . import data as data
    from .activations import (
        ACTIVATIONS as ACTIVATIONS,
        ELU as ELU,
        GELU as GELU,
        SELU as SELU,
        Activation as Activation,
        HardTanh as HardTanh,
        LeakyReLU as LeakyReLU,
        Linear as Linear,
        Mish as Mish,
        ReLU as ReLU,
        ReLU6 as ReLU6,
        Sigmoid as Sigmoid,
        SiLU as SiLU,
        Softmax as Softmax,
        Softplus as Softplus,
        Softsign as Softsign,
        Tanh as Tanh,
    )
    from .augment import (
        AUGMENTATIONS as AUGMENTATIONS,
        Affine as Affine,
        Augmentation as Augmentation,
        Compose as Compose,
        Elastic as Elastic,
        Shift as Shift,
    )
    from .checkpoint import (
        Checkpoint as Checkpoint,
    )
    from .errors import (
        DataError as DataError,
        NeurosimError as NeurosimError,
        OutOfRangeError as OutOfRangeError,
        ShapeError as ShapeError,
    )
    from .gradcheck import (
        GradientCheck as GradientCheck,
        check_gradients as check_gradients,
    )
    from .history import (
        History as History,
    )
    from .initializers import (
        INITIALIZERS as INITIALIZERS,
        Constant as Constant,
        GlorotNormal as GlorotNormal,
        GlorotUniform as GlorotUniform,
        HeNormal as HeNormal,
        HeUniform as HeUniform,
        Initializer as Initializer,
        LeCunNormal as LeCunNormal,
        LeCunUniform as LeCunUniform,
        Normal as Normal,
        Orthogonal as Orthogonal,
        Uniform as Uniform,
        Zeros as Zeros,
    )
    from .landscape import (
        Landscape as Landscape,
        loss_landscape as loss_landscape,
    )
    from .layers import (
        LAYERS as LAYERS,
        BatchNorm as BatchNorm,
        Dense as Dense,
        Dropout as Dropout,
        Input as Input,
        Layer as Layer,
    )
    from .losses import (
        LOSSES as LOSSES,
        MAE as MAE,
        MSE as MSE,
        BinaryCrossEntropy as BinaryCrossEntropy,
        CrossEntropy as CrossEntropy,
        Hinge as Hinge,
        Huber as Huber,
        Loss as Loss,
        SquaredHinge as SquaredHinge,
    )
    from .metrics import (
        accuracy as accuracy,
        confusion_matrix as confusion_matrix,
        per_class as per_class,
    )
    from .network import (
        Network as Network,
    )
    from .neuron import (
        Neuron as Neuron,
    )
    from .optimizers import (
        OPTIMIZERS as OPTIMIZERS,
        SGD as SGD,
        AdaDelta as AdaDelta,
        AdaGrad as AdaGrad,
        Adam as Adam,
        AdaMax as AdaMax,
        AdamW as AdamW,
        AMSGrad as AMSGrad,
        Lion as Lion,
        Momentum as Momentum,
        Nadam as Nadam,
        Nesterov as Nesterov,
        Optimizer as Optimizer,
        RMSProp as RMSProp,
    )
    from .parameters import (
        FlatParameters as FlatParameters,
    )
    from .regularizers import (
        L1 as L1,
        L2 as L2,
        REGULARIZERS as REGULARIZERS,
        Regularizer as Regularizer,
    )
    from .report import (
        maximizing_input as maximizing_input,
    )
    from .schedules import (
        SCHEDULES as SCHEDULES,
        ConstantRate as ConstantRate,
        Cosine as Cosine,
        Exponential as Exponential,
        InverseTime as InverseTime,
        OneCycle as OneCycle,
        ReduceOnPlateau as ReduceOnPlateau,
        Schedule as Schedule,
        StepDecay as StepDecay,
        WarmUp as WarmUp,
    )
    from .stepper import (
        Stepper as Stepper,
    )
    from .trace import (
        Trace as Trace,
    )
    from .training import (
        Callback as Callback,
        EarlyStopping as EarlyStopping,
        GradientNorms as GradientNorms,
        fit as fit,
    )

"""neurosim: an object-oriented, neuron-level, educational simulator of neural networks on NumPy.

    import neurosim as ns

    train, test = ns.data.load("auto")
    net = ns.Network([ns.Input(784), ns.Dense(128, "relu"), ns.Dense(10, "softmax")], seed=0)
    net.fit(train.images, train.labels, epochs=5)
    net[1][17].weights  # one neuron of the first hidden layer, live

Every activation, loss, initializer, optimizer, schedule, regularizer and layer is a class here, and has a name in its
registry: ``ns.Adam`` is ``ns.OPTIMIZERS["adam"]``.
"""

from typing import TYPE_CHECKING, Any

from .activations import (
    ACTIVATIONS,
    ELU,
    GELU,
    SELU,
    Activation,
    HardTanh,
    LeakyReLU,
    Linear,
    Mish,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Softsign,
    Tanh,
)
from .errors import DataError, NeurosimError, OutOfRangeError, ShapeError
from .history import History
from .initializers import (
    INITIALIZERS,
    Constant,
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    Initializer,
    LeCunNormal,
    LeCunUniform,
    Normal,
    Orthogonal,
    Uniform,
    Zeros,
)
from .layers import LAYERS, BatchNorm, Dense, Dropout, Input, Layer
from .losses import LOSSES, MAE, MSE, BinaryCrossEntropy, CrossEntropy, Hinge, Huber, Loss, SquaredHinge
from .metrics import accuracy, confusion_matrix, per_class
from .network import Network
from .neuron import Neuron
from .optimizers import (
    OPTIMIZERS,
    SGD,
    AdaDelta,
    AdaGrad,
    Adam,
    AdaMax,
    AdamW,
    AMSGrad,
    Lion,
    Momentum,
    Nadam,
    Nesterov,
    Optimizer,
    RMSProp,
)
from .parameters import FlatParameters
from .registry import did_you_mean
from .regularizers import L1, L2, REGULARIZERS, Regularizer
from .schedules import (
    SCHEDULES,
    ConstantRate,
    Cosine,
    Exponential,
    InverseTime,
    OneCycle,
    ReduceOnPlateau,
    Schedule,
    StepDecay,
    WarmUp,
)

if TYPE_CHECKING:
    from . import data
    from .gradcheck import GradientCheck, check_gradients
    from .report import maximizing_input
    from .stepper import Stepper
    from .trace import Trace
    from .training import Callback, EarlyStopping, GradientNorms, fit

__version__ = "0.1.0"

# what not everyone needs is imported when it is first asked for, so that importing neurosim is quick
_LATER = {
    "data": "data", "GradientCheck": "gradcheck", "check_gradients": "gradcheck", "Callback": "training",
    "EarlyStopping": "training", "GradientNorms": "training", "fit": "training", "Stepper": "stepper",
    "Trace": "trace", "maximizing_input": "report",
}


def __getattr__(name: str) -> Any:
    """Import what is in `_LATER` at first use."""
    if name not in _LATER:
        raise AttributeError(f"module 'neurosim' has no attribute {name!r}{did_you_mean(name, __dir__())}")
    from importlib import import_module

    module = import_module(f".{_LATER[name]}", __name__)
    value = globals()[name] = module if name == _LATER[name] else getattr(module, name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})

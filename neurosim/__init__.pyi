from . import (
    activations as activations,
    analysis as analysis,
    augment as augment,
    checks as checks,
    data as data,
    errors as errors,
    files as files,
    html as html,
    initializers as initializers,
    layers as layers,
    losses as losses,
    metrics as metrics,
    network as network,
    optimizers as optimizers,
    page as page,
    parameters as parameters,
    processors as processors,
    registry as registry,
    regularizers as regularizers,
    schedules as schedules,
    text as text,
    training as training,
    walk as walk,
)
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
from .analysis.comparison import compare as compare
from .analysis.gradcheck import GradientCheck as GradientCheck, check_gradients as check_gradients
from .analysis.landscape import Landscape as Landscape, loss_landscape as loss_landscape
from .analysis.maximizing_input import maximizing_input as maximizing_input
from .analysis.range_test import suggested_rate as suggested_rate
from .analysis.top_patches import Patch as Patch, top_patches as top_patches
from .augment import (
    AUGMENTATIONS as AUGMENTATIONS,
    Affine as Affine,
    Augmentation as Augmentation,
    Compose as Compose,
    Elastic as Elastic,
    Shift as Shift,
)
from .errors import (
    ArgumentError as ArgumentError,
    DataError as DataError,
    NeurosimError as NeurosimError,
    NeurosimWarning as NeurosimWarning,
    OutOfRangeError as OutOfRangeError,
    ShapeError as ShapeError,
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
from .layers import (
    LAYERS as LAYERS,
    ActivationLayer as ActivationLayer,
    AveragePool2D as AveragePool2D,
    BatchNorm as BatchNorm,
    Conv2D as Conv2D,
    Dense as Dense,
    Dropout as Dropout,
    Flatten as Flatten,
    Input as Input,
    Layer as Layer,
    MaxPool2D as MaxPool2D,
    Neuron as Neuron,
    Unit as Unit,
    WeightedLayer as WeightedLayer,
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
from .metrics import accuracy as accuracy, confusion_matrix as confusion_matrix, per_class as per_class
from .network import Network as Network
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
from .page import explore as explore
from .parameters import FlatParameters as FlatParameters
from .processors import threads as threads
from .regularizers import L1 as L1, L2 as L2, REGULARIZERS as REGULARIZERS, Regularizer as Regularizer
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
from .training import (
    Batches as Batches,
    Callback as Callback,
    Checkpoint as Checkpoint,
    EarlyStopping as EarlyStopping,
    GradientNorms as GradientNorms,
    History as History,
    Settings as Settings,
    Snapshots as Snapshots,
    TrainingRun as TrainingRun,
    fit as fit,
)
from .walk import Stepper as Stepper, Trace as Trace

__version__: str

"""neurosim, a debugger for neurons: open any neuron of a neural network while it learns.

    import neurosim as ns

    train, test = ns.data.load("auto")
    net = ns.Network([ns.Input(784), ns.Dense(128, "relu"), ns.Dense(10, "softmax")], seed=0)
    net.fit(train.images, train.labels, epochs=5)
    net[1][17].weights  # one neuron of the first hidden layer, live

Every activation, loss, initializer, optimizer, schedule, regularizer and layer is a class of this package.  Each has a
name in its registry: ``ns.Adam`` is ``ns.OPTIMIZERS["adam"]``.  The stub ``__init__.pyi`` lists all public names.  Each
name is imported at its first use, so importing neurosim is quick.
"""

from .lazy import public_names

__version__ = "0.1.0"
__getattr__, __dir__, __all__ = public_names(__name__, __file__)

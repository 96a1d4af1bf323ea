"""neurosim: an object-oriented, neuron-level, educational simulator of neural networks on NumPy.

    import neurosim as ns

    train, test = ns.data.load("auto")
    net = ns.Network([ns.Input(784), ns.Dense(128, "relu"), ns.Dense(10, "softmax")], seed=0)
    net.fit(train.images, train.labels, epochs=5)
    net[1][17].weights  # one neuron of the first hidden layer, live

Every activation, loss, initializer, optimizer, schedule, regularizer and layer is a class here, and has a name in its
registry: ``ns.Adam`` is ``ns.OPTIMIZERS["adam"]``.  The stub beside this file lists all names; each is imported when it
is first asked for, so that importing neurosim is quick.
"""

from .lazy import public_names

__version__ = "0.1.0"
__getattr__, __dir__, __all__ = public_names(__name__, __file__)

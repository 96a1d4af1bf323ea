"""The words of the field, as neurosim uses them: `python main.py glossary` and the page show these sentences.

One word for one thing, everywhere: a text that needs another word needs another entry, or this one.
"""

from __future__ import annotations

GLOSSARY: dict[str, str] = {
    "ablate": "To set a neuron's output to 0 in every forward pass, to see what the network does without it.",
    "accuracy": "The share of samples whose prediction equals their label.",
    "activation": (
        "The output a of a neuron: a = f(z). Its f is the activation function: for example, ReLU keeps a positive z "
        "and turns a negative one into 0."
    ),
    "backward pass": (
        "The computation of all gradients, from the loss back to the first layer, by the chain rule. Its other name is "
        "backpropagation."
    ),
    "baseline": "The variant with which a comparison compares all others.",
    "batch": "The samples that are used together in one step; B is their number. Its gradient is the mean over them.",
    "batch normalization": (
        "A layer that gives each neuron mean 0 and variance 1 over the batch. It then multiplies by γ and adds β, "
        "which are learned."
    ),
    "bias": "The number b that a neuron adds to its weighted sum.",
    "central differences": (
        "A slow and independent way to find a gradient: (L(w + h) - L(w - h)) / 2h, with a small h. It checks "
        "backpropagation."
    ),
    "checkpoint": "A file with everything that a training needs to go on from this step with the same result.",
    "clamp": "To set a neuron's output to a number of your choice in every forward pass.",
    "class": "One of the answers that a network can give, such as one of the ten digits.",
    "confusion matrix": "A table that counts, for each true class, how often the network predicted each class.",
    "convolution": (
        "A layer whose neurons see only a small patch of the image. Each one visits every place with the same weights."
    ),
    "dead neuron": "A neuron whose output is 0 for every sample, so that its gradient is 0 too.",
    "decision boundary": "The line between the points that a network puts into different classes.",
    "delta": "The gradient of the loss with respect to a neuron's weighted sum: delta (δ) = dL/dz.",
    "dropout": "To set a random share of a layer's activations to 0 in each training step. It reduces overfitting.",
    "early stopping": "To end a training when a figure, such as the validation loss, has stopped improving.",
    "engine": (
        "What computes a training step: NumPy, or code that numba has compiled. Both compute the same equations; their "
        "results differ in the last digits."
    ),
    "epoch": "One pass over all training samples.",
    "feature": "One number of a sample, such as a pixel of an image or a column of a table.",
    "feature map": "The outputs of one filter at all places of an image.",
    "filter": "A neuron of a convolution. Its weights are its kernel; at one place of the image it is called a unit.",
    "forward pass": "The computation of all activations, from the input to the output and the loss.",
    "freeze": "To leave a neuron's weights and bias as they are in every step.",
    "gradient": "How fast the loss grows when a number grows: dL/dw for a weight w. A step goes against it.",
    "initializer": "The rule that draws the first, random weights.",
    "kernel": "The weights of a filter, one for each pixel and channel of its patch.",
    "label": "The true class of a sample.",
    "layer": "Neurons that read the same inputs. The outputs of one layer are the inputs of the next.",
    "learning rate": "The factor η between the gradient and the step: how far one step moves the weights.",
    "loss": "The number that training makes small: how wrong the outputs are, as a mean over the batch.",
    "misread": "A sample whose prediction differs from its label.",
    "moment": "A running mean that an optimizer keeps for each weight: m of the gradient g, v of g².",
    "momentum": "A running mean of past gradients, which an optimizer adds to its steps.",
    "neuron": "A weighted sum of its inputs, z = Σ w x + b, and an activation function: a = f(z).",
    "noise": "The differences between runs that differ only in their seed. A difference within it shows nothing.",
    "one-hot": "A class written as numbers: 1 at its place and 0 at all others.",
    "optimizer": "The rule that turns gradients into changes of the weights, such as SGD or Adam.",
    "overfitting": "To memorize the training samples, not what they have in common. The test accuracy stays low.",
    "padding": "Zeros around an image, so that a kernel can also stand at its edge.",
    "parameter": "A number (θ) that training changes: a weight, a bias, or the γ and β of batch normalization.",
    "patch": "The part of an image that a kernel covers at one place.",
    "penalty": "A term of the loss that grows with the weights: L1 adds their sizes, L2 their squares.",
    "pooling": "A layer that replaces each small window of a feature map with its largest value or its mean.",
    "prediction": "The class with the largest output. `read as 6` says that the prediction is 6.",
    "receptive field": "The part of the input that can change a unit's output.",
    "report card": "A table with one row per neuron: how active and selective it is, and how much it matters.",
    "run": "One training of one variant with one seed.",
    "sample": "One image, or one row of a table: the features, with a label if it is known.",
    "schedule": "The rule that changes the learning rate from step to step.",
    "seed": "A number that fixes all random choices. The same seed repeats a run.",
    "selectivity": "How much a neuron prefers one class over the others, from its mean activation for each class.",
    "softmax": "The activation of an output layer that makes its outputs positive, with sum 1: probabilities.",
    "standardize": "To subtract a feature's mean and divide by its standard deviation.",
    "step": "One update of all parameters, from the gradient of one batch.",
    "stride": "How many pixels a kernel moves from one place to the next.",
    "test set": "Samples that are kept out of training. They measure how well the network does on new data.",
    "trace": "A record of everything that one sample causes in a network: forward, backward and update.",
    "unit": "A filter at one place of the image.",
    "validation set": "Samples that are kept out of training to choose settings, or to decide when to stop.",
    "variant": "One of the settings that a comparison compares.",
    "walk": "The tour of one neuron for one sample, stage by stage: forward, backward and update.",
    "weight": "The number w by which a neuron multiplies one of its inputs.",
    "weighted sum": "The number z = Σ w x + b that a neuron computes from its inputs.",
}

"""Reads a page as a browser does: elements, manifest, arrays. It does not know how the page was made."""

import base64
import gzip
import json
from html.parser import HTMLParser

import numpy as np


class Elements(HTMLParser):
    """All elements of a page, and the text of its scripts and styles by id or tag."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.found, self.texts, self._open = [], {}, None
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))
        self._open = dict(attributes).get("id", tag) if tag in ("script", "style", "title") else None

    def handle_endtag(self, tag):
        self._open = None

    def handle_data(self, data):
        if self._open is not None:
            self.texts[self._open] = self.texts.get(self._open, "") + data


def refuse(constant):
    raise ValueError(f"no strict JSON: {constant}")


class PageFile:
    """A page, read from its text."""

    def __init__(self, html):
        elements = Elements(html)
        self.elements, self.texts = elements.found, elements.texts
        self.manifest = json.loads(self.texts["manifest"], parse_constant=refuse)
        self.blobs = []
        for k, about in enumerate(self.manifest["blobs"]):
            data = base64.b64decode(self.texts[f"blob-{k}"], validate=True)
            data = gzip.decompress(data) if about["encoding"] == "gzip+base64" else data
            assert len(data) == about["bytes"]
            self.blobs.append(data)

    def array(self, name):
        about = self.manifest["arrays"][name]
        assert about["offset"] % 8 == 0
        dtype, shape = np.dtype(about["dtype"]).newbyteorder("<"), about["shape"]
        count = int(np.prod(shape))
        return np.frombuffer(self.blobs[about["blob"]], dtype, count, about["offset"]).reshape(shape)

    def inputs(self, split="test"):
        """Return the samples as the network takes them, by the rule in the manifest."""
        x, network = self.array(f"{split}/x"), self.manifest["network"]
        x = x.reshape(len(x), -1)
        samples = network["samples"]
        if samples["mean"]:
            x = (x.astype(np.float64) - samples["mean"]) / samples["deviation"]
        elif x.dtype.kind in "ui":
            scale = network["layers"][0]["scale"]
            x = x.astype(network["dtype"]) * (1.0 if scale is None else np.dtype(network["dtype"]).type(scale))
        return x.astype(network["dtype"])

    def parameters(self, name="theta"):
        """Return weights and biases of a network with only Dense layers: a matrix and a vector each."""
        theta, at, matrices, vectors = self.array(name).astype(np.float64), 0, [], []
        size = int(np.prod(self.manifest["data"]["shape"]))
        for layer in self.manifest["network"]["layers"][1:]:
            matrices.append(theta[at : at + size * layer["units"]].reshape(size, layer["units"]))
            at += size * layer["units"]
            size = layer["units"]
        for W in matrices:
            vectors.append(theta[at : at + W.shape[1]])
            at += W.shape[1]
        assert at == len(theta)
        return list(zip(matrices, vectors, strict=True))

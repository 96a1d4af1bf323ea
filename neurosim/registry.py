"""Names for things: every activation, loss, optimizer … is found by its key, and described by its settings.

A `Registry` maps an exact key in lower snake case to a class.  An unknown key raises an error that lists the
choices and the nearest match.  `Configurable` gives each registered class what they all need: a readable
``repr``, a JSON-ready ``config()`` and the way back from it, so that a saved network can be built again
without pickle.
"""

from __future__ import annotations

import difflib
import inspect
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

from .errors import NeurosimError

T = TypeVar("T", bound="Configurable")


def did_you_mean(name: object, choices: Iterable[str]) -> str:
    """Say which of `choices` is nearest to `name`: ``"; did you mean 'relu'?"``, or nothing."""
    written, lower = str(name).lower(), {choice.lower(): choice for choice in choices}
    close = difflib.get_close_matches(written, lower, n=3, cutoff=0.5)
    if not close:
        return ""

    def likeness(choice: str) -> float:
        """Two letters changing places are likelier than letters left out."""
        return difflib.SequenceMatcher(None, written, choice).ratio() - 0.04 * abs(len(choice) - len(written))

    return f"; did you mean '{lower[max(close, key=likeness)]}'?"


def unknown(kind: str, name: object, choices: Iterable[str]) -> NeurosimError:
    """The error for a name that is not among `choices`."""
    choices = list(choices)
    if not choices:
        return NeurosimError(f"unknown {kind} {name!r}; there are none")
    return NeurosimError(f"unknown {kind} {name!r}{did_you_mean(name, choices)} (choose from: {', '.join(choices)})")


class Configurable:
    """A thing with a registry key and constructor settings.

    The settings are the constructor's parameters; each must be kept under its own name.
    """

    key: str = ""

    def __init__(self) -> None:
        """Take no settings."""
        # without this method `inspect.signature` would parse the text of that of `object`, with a copy of `sys.modules`

    @classmethod
    def setting_names(cls) -> tuple[str, ...]:
        """The names of the constructor's parameters."""
        return tuple(name for name in inspect.signature(cls).parameters)

    def config(self) -> dict[str, Any]:
        """The settings as JSON-ready values; ``{"name": key, …}``. `Registry.create` is the way back.

        Raises:
            NeurosimError: the class has no key of its own, so that there is no way back.
        """
        if "key" not in vars(type(self)):
            raise NeurosimError(
                f"{type(self).__name__} has no key to be found by: expected a registered class; "
                'register it as its parent is, e.g. @ns.ACTIVATIONS.register("my_own")'
            )
        settings = ((name, getattr(self, name)) for name in self.setting_names())
        return {"name": self.key} | {
            name: value.config() if isinstance(value, Configurable) else value for name, value in settings
        }

    def __repr__(self) -> str:
        """Read as the constructor call that makes it."""
        settings = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.setting_names())
        return f"{type(self).__name__}({settings})"


def use_defaults_of(base: type, cls: type, readable: tuple[str, ...], fast: tuple[str, ...]) -> None:
    """Let a class that states a readable form anew not inherit the fast forms of its parent, which say something else.

    To be called in ``base.__init_subclass__``.

    Args:
        base: has defaults for the fast forms, made of the readable ones.
        cls: the class being defined.
        readable: the methods by which a class says what it computes.
        fast: the attributes that restate them, mostly methods that work in place.
    """
    if any(name in vars(cls) for name in readable):
        for name in fast:
            if name not in vars(cls):
                setattr(cls, name, vars(base)[name])


class Registry(Generic[T]):
    """The classes of one kind, by key.

    Args:
        kind: what the things are called in an error message, e.g. ``"activation"``.
        base: the class they derive from; instances of it pass through `create` untouched.
    """

    def __init__(self, kind: str, base: type[T]) -> None:
        self.kind = kind
        self.base = base
        self._classes: dict[str, type[T]] = {}

    def register(self, key: str) -> Callable[[type[T]], type[T]]:
        """Class decorator: file the class under `key`."""

        def file(cls: type[T]) -> type[T]:
            if key in self._classes:
                raise NeurosimError(f"{self.kind} {key!r} is registered already, as {self._classes[key].__name__}")
            cls.key = key
            self._classes[key] = cls
            return cls

        return file

    def __iter__(self) -> Iterator[str]:
        return iter(self._classes)

    def __len__(self) -> int:
        return len(self._classes)

    def __contains__(self, key: object) -> bool:
        return key in self._classes

    def __getitem__(self, key: str) -> type[T]:
        """The class filed under `key`.

        Raises:
            NeurosimError: `key` is unknown; the message lists the choices and the nearest match.
        """
        try:
            return self._classes[key]
        except (KeyError, TypeError):
            raise unknown(self.kind, key, self) from None

    def create(self, what: str | T | dict[str, Any]) -> T:
        """An instance from a key (``"relu"``), from a config (``{"name": "relu"}``) or from an instance.

        A key may carry settings: ``"leaky_relu:negative_slope=0.2"``, several of them separated by commas.

        Raises:
            NeurosimError: an unknown key, a setting that the class does not have, or another type.
        """
        if isinstance(what, self.base):
            return what
        if isinstance(what, str):
            what = self._parse(what)
        if isinstance(what, dict):
            settings = dict(what)
            cls = self[settings.pop("name", "")]
            for name in settings:
                if name not in cls.setting_names():
                    raise unknown(f"setting of {cls.key}", name, cls.setting_names())
            try:
                inspect.signature(cls).bind(**settings)
            except TypeError as error:
                raise NeurosimError(
                    f"{self.kind} {cls.key}: {error}; its settings are {', '.join(cls.setting_names())}"
                ) from None
            return cls(**settings)
        hint = ""
        if isinstance(what, type) and issubclass(what, self.base):
            hint = f"; it is the class, make an instance: {what.__name__}()"
        raise NeurosimError(f"expected {self.kind} as a name or a {self.base.__name__}, received {what!r}{hint}")

    def _parse(self, text: str) -> dict[str, Any]:
        """``"key:name=value,…"`` as a config."""
        key, _, rest = text.partition(":")
        config: dict[str, Any] = {"name": key}
        for part in filter(None, rest.split(",")):
            name, equals, value = part.partition("=")
            try:
                config[name.strip()] = json.loads(value)
            except json.JSONDecodeError:
                config[name.strip()] = value.strip()
            if not equals:
                raise NeurosimError(f"{self.kind}: expected {key}:setting=value, received {text!r}")
        return config

"""Registries: every activation, loss, optimizer … is found by its key, and described by its settings.

A `Registry` maps an exact key in lower snake case to a class. An unknown key raises an error that lists the choices and
the nearest match. `Configurable` gives each registered class a readable ``repr`` and a JSON-ready ``config()``.
`Registry.create` makes an instance from the config, so that a saved network can be built again without pickle.
"""

from __future__ import annotations

import difflib
import inspect
import json
from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from typing import Any, Generic, TypeVar

from .errors import ArgumentError, NeurosimError

T = TypeVar("T", bound="Configurable")


def did_you_mean(name: object, choices: Iterable[str]) -> str:
    """Return a hint at the choice that is most like `name`, ``"; did you mean 'relu'?"``; "" if none is like it.

    A number gets no hint, because digits that are alike do not make two numbers alike.
    """
    written, lower = str(name).lower(), {choice.lower(): choice for choice in choices}
    if written.lstrip("+-").replace(".", "", 1).isdecimal():
        return ""
    close = difflib.get_close_matches(written, lower, n=3, cutoff=0.6)
    if not close:
        return ""

    def likeness(choice: str) -> float:
        """Measure how alike two names are. Swapped letters count as more alike than missing letters."""
        return difflib.SequenceMatcher(None, written, choice).ratio() - 0.04 * abs(len(choice) - len(written))

    return f"; did you mean '{lower[max(close, key=likeness)]}'?"


def unknown(kind: str, name: object, choices: Iterable[str]) -> NeurosimError:
    """Return the error for a name that is not one of the `choices`."""
    choices = list(choices)
    if not choices:
        return NeurosimError(f"unknown {kind} {name!r}; there are none")
    return NeurosimError(f"unknown {kind} {name!r}{did_you_mean(name, choices)} (choose from: {', '.join(choices)})")


def no_argument(called: str, name: str, names: Iterable[str]) -> ArgumentError:
    """Return the error for an argument that the function or class `called` does not have."""
    names = list(names)
    takes = f"it takes {', '.join(names)}" if names else "it takes none"
    return ArgumentError(f"{called} has no argument {name!r}{did_you_mean(name, names)} ({takes})")


def explain_arguments(constructor: Callable[..., None]) -> Callable[..., None]:
    """Let a constructor explain wrong arguments with an `ArgumentError`, which lists its arguments. A decorator."""

    @wraps(constructor)
    def explained(self: object, *arguments: Any, **named: Any) -> None:
        try:
            constructor(self, *arguments, **named)
        except TypeError:
            signature, called = inspect.signature(constructor), type(self).__name__
            try:
                signature.bind(self, *arguments, **named)
            except TypeError as error:
                own = list(signature.parameters)[1:]
                for name in named:
                    if name not in own:
                        raise no_argument(called, name, own) from None
                takes = ", ".join(own) or "no arguments"
                raise ArgumentError(f"{called} takes {takes}, received other arguments ({error})") from None
            raise

    return explained


class Configurable:
    """A base class for things with a registry key and settings.

    The settings are the constructor's parameters. The class must store each as an attribute of the same name.
    """

    key: str = ""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "__init__" in vars(cls):
            cls.__init__ = explain_arguments(cls.__init__)  # type: ignore[method-assign]

    @explain_arguments
    def __init__(self) -> None:
        """The docstring of the class explains the settings."""
        # without this method, `inspect.signature` would parse the text of `object.__init__`, which is slow

    @classmethod
    def setting_names(cls) -> tuple[str, ...]:
        """Return the names of the constructor's parameters."""
        return tuple(name for name in inspect.signature(cls).parameters)

    def config(self) -> dict[str, Any]:
        """Return the settings as JSON-ready values, ``{"name": key, …}``. `Registry.create` makes an instance of it.

        Raises:
            NeurosimError: the class has no key of its own, so no instance could be made from the config.
        """
        if "key" not in vars(type(self)):
            raise NeurosimError(
                f"{type(self).__name__} has no key: expected a registered class; "
                'register it like its parent, e.g. @ns.ACTIVATIONS.register("my_own")'
            )
        settings = ((name, getattr(self, name)) for name in self.setting_names())
        return {"name": self.key} | {
            name: value.config() if isinstance(value, Configurable) else value for name, value in settings
        }

    def __repr__(self) -> str:
        """Return the constructor call that makes it."""
        settings = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.setting_names())
        return f"{type(self).__name__}({settings})"


def use_defaults_of(base: type, cls: type, readable: tuple[str, ...], fast: tuple[str, ...]) -> None:
    """Give a class the fast forms of `base` if it defines a readable form of its own.

    The fast forms of its parent compute what the parent's readable form says, so they would be wrong for this class.
    Call this in ``base.__init_subclass__``.

    Args:
        base: the class with the default fast forms, which use the readable ones.
        cls: the class that is being defined.
        readable: the names of the methods that define what a class computes.
        fast: the names of the attributes that compute the same faster, mostly methods that work in place.
    """
    if any(name in vars(cls) for name in readable):
        for name in fast:
            if name not in vars(cls):
                setattr(cls, name, vars(base)[name])


class Registry(Generic[T]):
    """The classes of one kind, by key.

    Args:
        kind: the name of the things in an error message, e.g. ``"activation"``.
        base: the class from which they derive; `create` returns an instance of it unchanged.
    """

    def __init__(self, kind: str, base: type[T]) -> None:
        self.kind = kind
        self.base = base
        self._classes: dict[str, type[T]] = {}

    def register(self, key: str) -> Callable[[type[T]], type[T]]:
        """Register a class under `key`. A class decorator."""

        def file(cls: type[T]) -> type[T]:
            if key in self._classes:
                raise NeurosimError(f"{self.kind} {key!r} is registered already, as {self._classes[key].__name__}")
            cls.key = key
            self._classes[key] = cls
            return cls

        return file

    def __repr__(self) -> str:
        return f"Registry({self.kind}: {', '.join(self)})"

    def __iter__(self) -> Iterator[str]:
        return iter(self._classes)

    def __len__(self) -> int:
        return len(self._classes)

    def __contains__(self, key: object) -> bool:
        return key in self._classes

    def __getitem__(self, key: str) -> type[T]:
        """Return the class that is registered under `key`.

        Raises:
            NeurosimError: `key` is unknown. The message lists the choices and the nearest match.
        """
        try:
            return self._classes[key]
        except (KeyError, TypeError):
            raise unknown(self.kind, key, self) from None

    def create(self, what: str | T | dict[str, Any]) -> T:
        """Make an instance from a key (``"relu"``) or a config (``{"name": "relu"}``); return an instance unchanged.

        A key may carry settings, ``"leaky_relu:negative_slope=0.2"``. Commas separate several settings.

        Raises:
            NeurosimError: the key or a setting is unknown, or `what` has another type.
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
            hint = f"; this is the class, so make an instance of it: {what.__name__}()"
        raise NeurosimError(
            f"{self.kind}: expected a name such as {next(iter(self), '')!r}, or an instance of {self.base.__name__}, "
            f"received {what!r}{hint}"
        )

    def _parse(self, text: str) -> dict[str, Any]:
        """Read ``"key:name=value,…"`` as a config."""
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

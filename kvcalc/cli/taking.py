"""How a command takes several options as one parameter."""

import functools
import inspect
from collections.abc import Callable
from typing import Any


def taking(**bundles: Callable[..., Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Lets a command have a parameter that is made of several options, by a function of them."""

    def decorated(command: Callable[..., None]) -> Callable[..., None]:
        options = {name: inspect.signature(made).parameters for name, made in bundles.items()}
        parameters: list[inspect.Parameter] = []
        for name, parameter in inspect.signature(command).parameters.items():
            parameters += options[name].values() if name in options else [parameter]

        @functools.wraps(command)
        def wrapped(**given: Any) -> None:
            made = {
                name: bundles[name](**{option: given.pop(option) for option in taken})
                for name, taken in options.items()
            }
            command(**given, **made)

        wrapped.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        wrapped.__annotations__ = {p.name: p.annotation for p in parameters}
        return wrapped

    return decorated


def without(bundle: Callable[..., dict[str, Any]], *names: str) -> Callable[..., dict[str, Any]]:
    """The same function without some of its options, which are not in what it makes either."""

    def fewer(**given: Any) -> dict[str, Any]:
        return {name: value for name, value in bundle(**given).items() if name not in names}

    parameters = inspect.signature(bundle).parameters.values()
    kept = [parameter for parameter in parameters if parameter.name not in names]
    fewer.__signature__ = inspect.Signature(kept)  # type: ignore[attr-defined]
    return fewer

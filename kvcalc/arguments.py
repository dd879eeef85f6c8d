"""What arguments of the public functions can be as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kvcalc.errors import UsageError, WrongArgument, checked, did_you_mean
from kvcalc.units import tokens_of

if TYPE_CHECKING:
    from kvcalc.model import Model


def contexts_of(context: object) -> tuple[tuple[int, ...], Any]:
    """The contexts of a list, each of which can be, or what is to be the single one."""
    if isinstance(context, str | bytes) or not isinstance(context, Sequence):
        return (), context
    if not context:
        raise WrongArgument("context", "a list of contexts names at least one")
    return tuple(checked("context", tokens_of, one) for one in context), None


def once_from_standard_input(references: Sequence[object]) -> None:
    """Raises UsageError where standard input is named more than once: it can be read but once."""
    if references.count("-") > 1:
        raise UsageError("- is named twice, and standard input can be read once: name a file")


def must_be_ignored(ignore: Sequence[str], models: Sequence[Model]) -> None:
    """Raises UsageError for a field that was ignored nowhere: it may be misspelt."""
    done = {name for model in models for name in model.ignored}
    for name in ignore:
        if name not in done:
            text = f"there is no field {name!r} to ignore in what was read of other people's files"
            known = [field for model in models for field in model.stated]
            hint = did_you_mean(name, known) or "name it as the message about it does"
            raise WrongArgument("ignore", f"{text}; {hint}")

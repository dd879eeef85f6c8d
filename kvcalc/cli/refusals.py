"""What is refused, by kvcalc or by typer, in kvcalc's words: what cannot be, and what can."""

import re
from collections.abc import Callable
from typing import Any, cast

import typer

from kvcalc.cli.spellings import ALIASES, absent
from kvcalc.errors import (
    InputError,
    InvalidValue,
    KvcalcError,
    WrongArgument,
    briefly,
    did_you_mean,
    listed,
)
from kvcalc.printable import printable

Refused = cast("type[typer.BadParameter]", typer.BadParameter.__mro__[1])
"""The class of all usage errors, which typer gives no public name."""


def in_words(error: Any) -> str:
    """What standard error gets: all that is wrong with files, else what cannot be, in a line."""
    if isinstance(error, InputError | InvalidValue):
        return listed(error.problems)
    if isinstance(error, KvcalcError):
        text = _in_options(error)
    else:
        text = _BY_CLASS.get(type(error).__name__, _other)(error)
    return f"Error: {printable(text)}"


def _in_options(error: KvcalcError) -> str:
    """What is refused, with an argument as the option that it comes from."""
    if isinstance(error, WrongArgument) and not error.says_which:
        return f"--{error.argument.replace('_', '-')}: {error.text}"
    return str(error)


def _missing(error: Any) -> str:
    """An argument that has to be given."""
    example = re.search(r"Example: (.+)", error.ctx.command.help or "")
    such_as = f"; for example: {example[1]}" if example else ""
    name = _name(error.param).removesuffix("...")
    wanted = f"one of {', '.join(name.split('|'))}" if "|" in name else name
    return f"{wanted} is missing{such_as}"


def _no_option(error: Any) -> str:
    """An option that there is not, here or at all."""
    name, path, command = error.option_name, error.ctx.command_path, error.ctx.command
    text = f"{path} has no option {name}"
    commands, spelt = getattr(command, "commands", {}), ALIASES.get(name, name)
    if commands and (why := absent(name)):
        return f"there is no {name}: {why}"
    if any(spelt in _options(each) for each in commands.values()):
        return f"{text}: write it behind the command"
    near = did_you_mean(name, _options(command))
    return f"{text}; {near if '?' in near else f'{path} --help shows all'}"


def _no_value(error: Any) -> str:
    """An option without its value, or a switch with one."""
    name = error.option_name
    if "not take" in error.message:
        return f"{name} takes no value"
    (param,) = [param for param in error.ctx.command.params if name in param.opts]
    return f"{name} needs a value: {name} {_values(param)}"


def _bad_value(error: Any) -> str:
    """A value that is none of those that can be."""
    message = error.message.removeprefix("Value error, ").rstrip(".")
    name = "" if error.param is None else f"{_name(error.param)}: "
    if "|" in name:  # an argument whose values are its name
        name = ""
    if choice := re.fullmatch(r"(?s)(.+) is not one of (.+)", message):
        choices = re.findall(r"'([^']+)'", choice[2])
        near = did_you_mean(choice[1].strip("'"), choices)
        hint = f"; {near}" if "?" in near else ""
        return f"{name}{choice[1]} is none of {', '.join(choices)}{hint}"
    if "integer" in message:
        given: Any = getattr(error.__cause__, "errors", list)()
        text = briefly(given[0]["input"]) if given else message.partition(" is ")[0]
        large = any(each["type"] == "int_parsing_size" for each in given)
        return f"{name}{text} is {'too large' if large else 'not a whole number'}"
    return f"{name}{message}"


def _other(error: Any) -> str:
    """More arguments than there are places for; anything else as typer says it."""
    message = str(error.format_message())
    if extra := re.fullmatch(r"(?s)Got unexpected extra arguments? ?\(?s?\)? ?\((.*)\)", message):
        usage = " ".join(error.ctx.get_usage().removeprefix("Usage: ").split())
        return f"there is no place for {briefly(extra[1])}: {usage}"
    return message.removeprefix("Value error, ")


_BY_CLASS: dict[str, Callable[[Any], str]] = {
    "MissingParameter": _missing,
    "NoSuchOption": _no_option,
    "BadOptionUsage": _no_value,
    "BadParameter": _bad_value,
}


def _name(param: Any) -> str:
    """What a parameter is called: an option by its longest name."""
    if param.param_type_name == "option":
        return str(max(param.opts, key=len))
    return str(param.metavar or param.name)


def _values(param: Any) -> str:
    """What an option's value may be, as its help says it."""
    record = param.get_help_record(typer.Context(typer.core.TyperCommand("")))
    return record[0].split(" ")[-1].strip("<>[]") if record else "VALUE"


def _options(command: Any) -> list[str]:
    return [name for param in command.params for name in param.opts if name[:1] == "-"]

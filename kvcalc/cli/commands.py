"""How a command of kvcalc shows its help and what it says of arguments that cannot be."""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from kvcalc.cli.refusals import Refused, in_words
from kvcalc.cli.spellings import as_here
from kvcalc.errors import KvcalcError, UsageError, did_you_mean

_INSTALLING = frozenset({"--install-completion", "--show-completion"})


class Command(TyperCommand):
    """A command, whose options may be typed as engines call them, and its help."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """What stands behind the name in the usage line."""
        arguments = [p for p in self.get_params(ctx) if p.param_type_name == "argument"]
        return ["[OPTIONS]", *(_metavar(argument) for argument in arguments)]

    def get_short_help_str(self, limit: int = 0) -> str:
        """What the command does, whole: in the list of all, and beside its name in a shell."""
        return (self.help or "").partition("\n\n")[0]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write a line or more for each argument and each option."""
        _write(self, ctx, formatter)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take the arguments apart."""
        with _parsing(self, ctx):
            return super().parse_args(ctx, as_here(args, ctx))


class Group(TyperGroup):
    """All commands: what they are, and what is said where there is no such one."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write a line or more for each option, and one for each command."""
        _write(self, ctx, formatter)
        self.format_commands(ctx, formatter)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take apart what stands before the command."""
        with _parsing(self, ctx):
            return super().parse_args(ctx, args)

    def make_context(self, info_name: Any, args: Any, parent: Any = None, **extra: Any) -> Any:
        """Read the options before the command. Raises typer.Exit for what cannot be."""
        with _refusing(resilient=extra.get("resilient_parsing", False)):
            if _INSTALLING.intersection(args):
                with _installing():
                    return super().make_context(info_name, args, parent, **extra)
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: Any) -> Any:
        """Run the command. Raises typer.Exit for what cannot be."""
        with _refusing():
            return super().invoke(ctx)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that is named. Raises UsageError where there is no such one."""
        name = args[0]
        if not ctx.resilient_parsing and name not in self.commands and name[:1] != "-":
            raise UsageError(f"there is no command {name!r}; {_instead(name, [*self.commands])}")
        return super().resolve_command(ctx, args)


def help_of(context: typer.Context, name: str | None) -> str:
    """The help of a command, or of all. Raises UsageError where there is no such one."""
    root = context.find_root()
    group = root.command
    assert isinstance(group, Group)
    if name is None:
        return root.get_help()
    if name not in group.commands:
        raise UsageError(f"there is no command {name!r}; {_instead(name, [*group.commands])}")
    command = group.commands[name]
    return command.get_help(typer.Context(command, info_name=name, parent=root))


def _instead(name: str, commands: list[str]) -> str:
    from kvcalc.bundle import bundled

    if name.removesuffix(".yaml") in bundled():
        return f"a model is shown by: kvcalc show {name}"
    return did_you_mean(name, commands)


@contextmanager
def _installing() -> Iterator[None]:
    """What typer installs or shows, with exit codes and errors of kvcalc's own."""
    said = io.StringIO()
    try:
        with redirect_stdout(said), redirect_stderr(said):
            yield
    except typer.Exit as ended:
        if ended.exit_code:
            text = (
                "completion is for bash, zsh, fish and PowerShell, and this shell is none of them"
            )
            raise UsageError(text) from None
        raise
    except OSError as error:
        raise UsageError(f"cannot write {error.filename}: {error.strerror}") from None
    except SystemExit:
        typer.echo(said.getvalue(), nl=False)
        raise


@contextmanager
def _parsing(command: Any, ctx: Any) -> Iterator[None]:
    """Errors say which command they are of; where a shell completes it, values may be anything."""
    if ctx.resilient_parsing:
        for param in command.get_params(ctx):
            param.process_value = _as_it_is  # what holds values to their types takes a while
    try:
        yield
    except Refused as error:
        error.ctx = error.ctx or ctx
        raise


@contextmanager
def _refusing(*, resilient: bool = False) -> Iterator[None]:
    """What cannot be goes to standard error as text, with the exit code of its own."""
    try:
        yield
    except (Refused, KvcalcError) as error:
        if resilient:  # a shell asks, and nobody reads
            raise
        typer.echo(in_words(error), err=True)
        raise typer.Exit(error.exit_code) from None


def _write(command: Any, ctx: Any, formatter: Any) -> None:
    """The arguments and options of a command, in sections of their own."""
    for kind in ("argument", "option"):
        params = [param for param in command.get_params(ctx) if param.param_type_name == kind]
        lines = [line for param in params if (line := _line(param, ctx))]
        if lines:
            with formatter.section(f"{kind.title()}s"):
                formatter.write_dl(lines)


def _line(param: Any, ctx: Any) -> tuple[str, str] | None:
    """How a parameter is typed, and what it does, without the marks of typer's own."""
    record = param.get_help_record(ctx)
    if record is None:
        return None
    typed, does = record
    if param.param_type_name == "argument":
        typed = _metavar(param)
    else:
        typed = re.sub(r"[<[](.*)[>\]]$", r"\1", typed)
    does = re.sub(r"\s*\\?\[required\]$", "", does)
    return typed, re.sub(r"\s*\\?\[default: (.*)\]$", r" Default: \1.", does)


def _metavar(argument: Any) -> str:
    return str(argument.metavar or argument.name)


def _as_it_is(ctx: Any, value: Any) -> Any:
    """A value as it was typed."""
    return value

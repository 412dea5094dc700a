"""Commands that are imported when they are run: a list of them costs no more than their names.

A group's list of commands, and completion, show the first sentence of each: it is read from the source of the command's
module, which is not run for it.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperCommand, TyperGroup

from wavesynth.extras import missing, of_command

if TYPE_CHECKING:
    from importlib.abc import InspectLoader

__all__ = ["group"]


class LazyCommand(TyperCommand):
    """Stands for the function `target`, "module:function" below `wavesynth.cli`, until it is run or asked for help."""

    def __init__(self, name: str, target: str, hidden: bool = False) -> None:
        super().__init__(name, hidden=hidden)
        module, _, self._function = target.partition(":")
        self._module = f"wavesynth.cli.{module}"

    def load(self, path: str | None = None) -> TyperCommand:
        """The command itself, imported; `path` is how it was called, for its messages."""
        app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False)
        function = getattr(importlib.import_module(self._module), self._function)
        app.command(self.name)(self._with_extras(function, path or f"wavesynth {self.name}"))
        command = typer.main.get_command(app)
        assert isinstance(command, TyperCommand)
        return command

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """The context of the command itself, which parses the arguments and runs.

        An option that is not among them may be in the environment, as WAVESYNTH_SERVE_PORT.
        """
        path, above = [info_name], parent
        while above is not None and above.parent is not None:  # the program itself has many names
            path, above = [above.info_name, *path], above.parent
        words = ["wavesynth", *map(str, path)]
        command = self.load(" ".join(words))
        for option in command.params:
            option.show_envvar = False  # type: ignore[attr-defined]  # help says it once
        prefix = "_".join(words).upper().replace("-", "_")
        return command.make_context(info_name, args, parent, **{"auto_envvar_prefix": prefix} | extra)

    def _with_extras(self, function: Callable[..., None], path: str) -> Callable[..., None]:
        """The function, which says what to install where it needs what only an extra brings."""

        @wraps(function)
        def run(*arguments: Any, **options: Any) -> None:
            try:
                function(*arguments, **options)
            except ModuleNotFoundError as error:
                name = of_command(self._module.rpartition(".")[2], error.name)
                if name is None:
                    raise
                from wavesynth.cli.common import fail

                fail(missing(error.name or "", path, name))

        return run

    def get_short_help_str(self, limit: int = 45) -> str:
        """The first sentence of the function's docstring, whole."""
        spec = importlib.util.find_spec(self._module)
        assert spec is not None and spec.loader is not None
        loader: InspectLoader = spec.loader  # type: ignore[assignment]
        for node in ast.parse(loader.get_source(self._module) or "").body:
            if isinstance(node, ast.FunctionDef) and node.name == self._function:
                paragraph = " ".join((ast.get_docstring(node) or "").partition("\n\n")[0].split())
                sentence, stop, _ = f"{paragraph} ".partition(". ")
                return sentence + stop.strip()
        raise LookupError(f"{self._module} has no function {self._function}")


def group(
    help: str, commands: dict[str, str], *, hidden: tuple[str, ...] = (), example: str | None = None
) -> typer.Typer:
    """A group of commands, by their names: "module:function" below `wavesynth.cli`. Brackets in its help are no markup.

    Those in `hidden` are not listed.
    """

    class Commands(TyperGroup):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            lazy = {name: LazyCommand(name, target, name in hidden) for name, target in commands.items()}
            self.commands = {**lazy, **self.commands}

    return typer.Typer(
        cls=Commands,
        help=help,
        epilog=example,
        callback=lambda: None,  # by which Typer knows a group, though it registers no commands itself
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )

"""wavesynth datasets: free recordings, scores and images as data sets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wavesynth.cli.common import fail, one_sentence_errors
from wavesynth.cli.prepare import figures, print_dataset
from wavesynth.cli.terminal import describe, say, track

if TYPE_CHECKING:
    from wavesynth.data.recipes.recipe import DatasetRecipe

__all__ = ["datasets"]


def datasets(
    name: Annotated[
        str | None, typer.Argument(help="Name of a data set; without one, all of them are listed.")
    ] = None,
    out: Annotated[Path | None, typer.Argument(help="Folder for the data set.")] = None,
    voices: Annotated[
        str | None, typer.Option(help="Of a synthetic set, the voices to make, such as af_heart,bm_george.")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(min=0.01, help="Of a synthetic set, the minutes of each voice.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the list, or the figures, as JSON.")] = False,
) -> None:
    """Makes a data set of free recordings, scores or images, ready to train on; without a name, lists them.

    What it needs is fetched from packages, without root. Interrupted, it goes on where it was when it is run
    again. docs/guide/data.md of the source says what each set is, and whom to credit.

    Example: wavesynth datasets allison datasets/allison
    """
    from wavesynth.data.recipes.recipe import make
    from wavesynth.data.recipes.registry import RECIPES, find_recipe
    from wavesynth.workers import cores

    if name is None:
        _list(list(RECIPES.values()), as_json)
        return
    with one_sentence_errors():
        import torch  # noqa: F401  (what lacks is said before anything is fetched)

        recipe = find_recipe(name)
        if out is None:
            fail(
                f"OUT is missing; it is the folder for the data set: wavesynth datasets {name} datasets/{name}"
            )
        if voices is not None or minutes is not None:
            if recipe.choose is None:
                fail(f"--voices and --minutes are for synthetic sets; {name} is of recordings")
            recipe = recipe.choose(tuple(voices.split(",")) if voices else (), minutes)
        dataset = make(recipe, out, track, lambda note: say(note, err=True), cores())
    if as_json:
        say(json.dumps({"name": name, "out": str(out), **(figures(dataset) if dataset else {})}))
    elif dataset:
        print_dataset(dataset)
    else:
        say(f"{out} is ready")


def _list(recipes: list[DatasetRecipe], as_json: bool) -> None:
    if as_json:
        say(json.dumps({"datasets": [_described(recipe) for recipe in recipes]}, indent=2))
        return
    describe([(recipe.name, f"{recipe.description}\n{_facts(recipe)}") for recipe in recipes])
    for recipe in recipes:
        if recipe.lacks:
            say(recipe.lacks)


def _facts(recipe: DatasetRecipe) -> str:
    facts = [recipe.licence]
    if recipe.minutes:
        facts.append(f"{recipe.minutes:.1f} minutes of audio")
    if recipe.download_mb:
        facts.append(f"{recipe.download_mb} MB to fetch")
    return "; ".join([*facts, f"takes {recipe.takes}"])


def _described(recipe: DatasetRecipe) -> dict[str, Any]:
    return {
        "name": recipe.name,
        "description": recipe.description,
        "licence": recipe.licence,
        "minutes": recipe.minutes,
        "download_mb": recipe.download_mb,
        "takes": recipe.takes,
        "needs": [need.name for need in recipe.needs],
        "missing": [need.name for need in recipe.missing()],
    }

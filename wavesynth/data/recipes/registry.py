"""The recipes by their names. To add one: write a file beside this one, with RECIPES in it, and name it here."""

from __future__ import annotations

from wavesynth.data.recipes import asterisk, fashion, kokoro, letters, meilin, nsh, piano, read
from wavesynth.data.recipes.recipe import DatasetRecipe

__all__ = ["RECIPES", "find_recipe"]

RECIPES: dict[str, DatasetRecipe] = {
    recipe.name: recipe
    for source in (asterisk, nsh, meilin, kokoro, read, letters, piano, fashion)
    for recipe in source.RECIPES
}


def find_recipe(name: str) -> DatasetRecipe:
    """The recipe of that name. Raises ValueError, naming them all, if there is none."""
    if name not in RECIPES:
        raise ValueError(f"NAME is {name!r}; it must be one of {', '.join(RECIPES)}")
    return RECIPES[name]

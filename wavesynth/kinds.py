"""The registry of kinds: what can be trained, exported and loaded, each by a name.

`kind = "wavenet"` stands in a run's TOML file, in its checkpoints and in what is exported of it. A kind is found

- among those that were registered in this process, with `register`;
- among the package's own, which are imported when they are first asked for;
- among those of other packages, which declare them as entry points of the group `wavesynth.kinds`:

      [project.entry-points."wavesynth.kinds"]
      noise = "my_package:NoiseKind"

What a kind has of the upper parts of the package (its recipe, which trains and exports it) it names as "module:NAME",
so that what serves a voice does not import what trains it. So it may name its network, which needs PyTorch.
"""

from __future__ import annotations

from abc import ABC
from importlib import import_module, metadata
from typing import Any, ClassVar, Literal, TypeVar

from wavesynth.checks import brief
from wavesynth.extras import missing

__all__ = ["Kind", "kind_of", "kinds", "part", "register"]

_GROUP = "wavesynth.kinds"
_BUILT_IN = {
    "wavenet": "wavesynth.voices.wavenet:WaveNetKind",
    "flow": "wavesynth.voices.flow:FlowKind",
    "harmonic": "wavesynth.voices.harmonic:HarmonicKind",
    "converter": "wavesynth.voices.converter:ConverterKind",
    "text": "wavesynth.voices.text:TextKind",
    "pixelcnn": "wavesynth.images.pixelcnn:PixelCNNKind",
    "nice": "wavesynth.images.flows:NICEKind",
    "realnvp": "wavesynth.images.flows:RealNVPKind",
}
_registered: dict[str, Kind] = {}


class Kind(ABC):
    """What all kinds have. A kind of voices is a `wavesynth.voices.kinds.VoiceKind`, of which one needs to say less."""

    #: What stands in files.
    name: ClassVar[str]
    #: What its networks are for.
    makes: ClassVar[Literal["voices", "converters", "texts", "images"]]
    #: The network's configuration: a frozen dataclass that checks itself.
    config: ClassVar[Any]
    #: What makes the network of a configuration, an `nn.Module` whose `config` that is; or where it is.
    network: ClassVar[Any]
    #: How it is trained and exported: a class like `wavesynth.training.recipe.Recipe`, or where it is.
    recipe: ClassVar[Any]

    def make_network(self, config: Any) -> Any:
        """A network of that configuration, an `nn.Module` that has learned nothing yet."""
        return part(self.network)(config)

    def weight_shapes(self, config: Any) -> dict[str, tuple[int, ...]]:
        """The shapes of such a network's weights, by their names: asked of a network without memory, unless a kind says
        them without PyTorch."""
        import torch

        with torch.device("meta"):
            weights = self.make_network(config).state_dict()
        return {name: tuple(tensor.shape) for name, tensor in weights.items()}


AnyKind = TypeVar("AnyKind", bound=type[Kind])


def register(kind: AnyKind) -> AnyKind:
    """Makes a class of kinds known to this process, instead of any other of its name; may be a decorator."""
    _registered[kind.name] = kind()
    return kind


def kind_of(name: str) -> Kind:
    """The kind of that name. Raises ValueError, with the known ones, if there is none."""
    if isinstance(name, str) and name not in _registered:
        where = _BUILT_IN.get(name) or _declared().get(name)  # a look at all packages is slow
        if where is not None:
            _load(name, where)
    if not isinstance(name, str) or name not in _registered:
        raise ValueError(f"kind is {brief(name)}; it must be one of {', '.join(kinds())}")
    return _registered[name]


def _load(name: str, where: str) -> None:
    """Registers the kind that is declared at "module:NAME"; ValueError, which names both, if it cannot be had."""
    try:
        found = part(where)
        if not isinstance(found, type) or not issubclass(found, Kind) or getattr(found, "name", None) != name:
            raise TypeError(f"it must be a subclass of Kind whose name is {name!r}")
        register(found)
    except Exception as error:  # of somebody else's package, whatever it is
        absent = isinstance(error, ModuleNotFoundError) and error.name == "torch"
        reason = missing("torch", "it") if absent else error
        raise ValueError(f"kind {name!r} cannot be loaded from {where}: {reason}") from error


def kinds() -> list[str]:
    """The names of all kinds that there are."""
    return sorted({*_registered, *_declared()})


def part(where: Any) -> Any:
    """What stands at "module:NAME", or what is given already."""
    if not isinstance(where, str):
        return where
    module, _, name = where.partition(":")
    return getattr(import_module(module), name)


def _declared() -> dict[str, str]:
    """The package's own kinds, and those of others, by their names: where each is."""
    return {point.name: point.value for point in metadata.entry_points(group=_GROUP)} | _BUILT_IN

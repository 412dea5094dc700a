"""Networks and losses that experiments/choices.py compares with the ones that ship; none of them is served."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wavesynth.audio.analysis import MelConfig, filter_bank
from wavesynth.audio.companding import decode
from wavesynth.models.pixels import Head
from wavesynth.models.wavenet import WaveNet
from wavesynth.training.configuration import WaveNetConfiguration
from wavesynth.training.start import starting_model, teaching_model
from wavesynth.training.task import Tensors
from wavesynth.training.wavenet import WaveNetTask
from wavesynth.voices.folders import SHIPPED
from wavesynth.voices.wavenet import load_wavenet

__all__ = [
    "BASE",
    "Interpolated",
    "Mixture",
    "Noisy",
    "Predicted",
    "anew",
    "dropout",
    "one_frame",
    "plain",
    "ten_bits",
]

#: The voice that all runs go on from.
BASE = "allison-small"
_MIXTURE = 10
_ORDER = 16


def plain(configuration: WaveNetConfiguration) -> WaveNetTask:
    """What `wavesynth train` does."""
    return WaveNetTask(starting_model(configuration), configuration, teaching_model(configuration))


def anew(*parts: str) -> Callable[[WaveNetConfiguration], WaveNetTask]:
    """Goes on from BASE, but for the parameters whose names begin with one of `parts`: these are random."""

    def task(configuration: WaveNetConfiguration) -> WaveNetTask:
        torch.manual_seed(0)
        model = WaveNet(configuration.model)
        known = load_wavenet(SHIPPED / BASE).model.state_dict()
        model.load_state_dict({n: t for n, t in known.items() if not n.startswith(parts)}, strict=False)
        return WaveNetTask(model, configuration)

    return task


def one_frame(configuration: WaveNetConfiguration) -> WaveNetTask:
    """The conditioning network anew, and it sees nothing but the frame itself, none of its neighbours."""
    task = anew("mel_")(configuration)
    for layer in (task.model.mel_hidden, task.model.mel_smooth):
        centre = torch.zeros_like(layer.weight)
        centre[..., centre.shape[-1] // 2] = 1
        with torch.no_grad():
            layer.weight *= centre
        layer.weight.register_hook(lambda gradient, centre=centre: gradient * centre)
    return task


def dropout(configuration: WaveNetConfiguration) -> WaveNetTask:
    """A tenth of the conditioning network's hidden units is left out while it trains (Srivastava et al., 2014)."""
    task = plain(configuration)
    task.model.mel_smooth.register_forward_hook(
        lambda module, inputs, out: F.dropout(out, 0.1, training=torch.is_grad_enabled())
    )
    return task


class Noisy(WaveNetTask):
    """The network hears its past a little wrong while it trains, and learns to forgive its own errors.

    Valin and Skoglund, "LPCNet", 2019, sec. 3.4.
    """

    #: Standard deviation of the noise, in classes.
    deviation = 1.5

    def __init__(self, configuration: WaveNetConfiguration) -> None:
        super().__init__(starting_model(configuration), configuration)

    def batch(self, generator: torch.Generator, size: int) -> Tensors:
        """The crops, the inputs with noise; the targets have none."""
        tokens, *others = super().batch(generator, size)
        noise = torch.randn(tokens.shape, generator=generator) * self.deviation
        return (tokens + noise.round().long()).clamp(0, self.model.config.classes - 1), *others


class Interpolated(WaveNetTask):
    """Between the centres of two frames, conditioning is their mean by distance, in steps of 32 samples."""

    _step = 32

    def __init__(self, configuration: WaveNetConfiguration) -> None:
        model = starting_model(configuration)
        model.config = replace(model.config, hop=self._step)
        super().__init__(model, configuration)

    def conditioning(self, model: WaveNet, mel: Tensor, speaker: Tensor) -> Tensor:
        """[B, F · hop / 32, L, 2R]"""
        held = super().conditioning(model, mel, speaker)  # [B, F, L, 2R]
        times = held.shape[1] * self.validating.config.hop // self._step
        flat = held.flatten(2).transpose(1, 2)
        # A frame is centred on its first sample, half a frame before the middle of the samples that it is held for.
        shift = self.validating.config.hop // self._step // 2
        smooth = F.interpolate(flat, times, mode="linear", align_corners=False)
        smooth = torch.cat([smooth[..., shift:], smooth[..., -1:].expand(-1, -1, shift)], -1)
        return smooth.transpose(1, 2).unflatten(2, held.shape[2:])


def ten_bits(configuration: WaveNetConfiguration) -> WaveNetTask:
    """1,024 classes; each of the 256 is four of the new ones to begin with, which costs 2 bits more and no more."""
    torch.manual_seed(0)
    model, known = WaveNet(configuration.model), load_wavenet(SHIPPED / BASE).model
    known_state = known.state_dict()
    same = {n: t for n, t in known_state.items() if not n.startswith(("embedding", "hidden", "output"))}
    model.load_state_dict(same, strict=False)
    with torch.no_grad():
        model.embedding.weight.copy_(known.embedding.weight.repeat_interleave(4, 0))
        model.hidden.weight[:256], model.hidden.bias[:256] = known.hidden.weight, known.hidden.bias
        model.output.weight.zero_()  # the hidden units that are new begin without effect
        model.output.weight[:, :256] = known.output.weight.repeat_interleave(4, 0)
        model.output.bias.copy_(known.output.bias.repeat_interleave(4))
    return WaveNetTask(model, configuration)


class Mixture(WaveNetTask):
    """Ten logistic distributions instead of a softmax (Salimans et al., "PixelCNN++", 2017), over the same classes."""

    def __init__(self, configuration: WaveNetConfiguration) -> None:
        task = anew("output")(configuration)
        self._head = Head(256, _MIXTURE)
        torch.manual_seed(0)
        task.model.output = nn.Linear(256, self._head.size)
        super().__init__(task.model, configuration)
        self.fused = False

    def loss(self, model: WaveNet, tokens: Tensor, targets: Tensor, mel: Tensor, speaker: Tensor) -> Tensor:
        """Nats [B · (T - burn_in)]."""
        params = model(tokens, self.conditioning(model, mel, speaker))[:, self.burn_in :]
        return self._head.nll(params.float(), targets[:, self.burn_in :]).flatten()


class _WithPrediction(nn.Embedding):
    """Embeds a class and a prediction in one number: class + 256 · prediction."""

    def __init__(self, embedding: nn.Embedding) -> None:
        super().__init__(*embedding.weight.shape)
        self.weight.data.copy_(embedding.weight)
        self.prediction = nn.Parameter(torch.zeros_like(self.weight))  # without effect to begin with

    def forward(self, both: Tensor) -> Tensor:
        return F.embedding(both % 256, self.weight) + F.embedding(both // 256, self.prediction)


class Predicted(WaveNetTask):
    """A linear predictor beside the network (Valin and Skoglund, "LPCNet", 2019, sec. 3.1).

    Its 16 coefficients come from the log-mel frame, by way of its power spectrum and autocorrelation; what it
    expects of the next sample is a second input.
    """

    def __init__(self, configuration: WaveNetConfiguration) -> None:
        model = starting_model(configuration)
        model.embedding = _WithPrediction(model.embedding)
        super().__init__(model, configuration)
        self.fused = False
        self._coefficient = configuration.data.preemphasis

    def loss(self, model: WaveNet, tokens: Tensor, targets: Tensor, mel: Tensor, speaker: Tensor) -> Tensor:
        """Nats [B · (T - burn_in)]."""
        context = model.config.mel_context
        expected = predictions(tokens, mel[:, context:-context], self._coefficient, self.validating.config)
        return super().loss(model, tokens + 256 * expected, targets, mel, speaker)


@torch.no_grad()
def predictions(tokens: Tensor, mel: Tensor, coefficient: float, config: MelConfig) -> Tensor:
    """The class of what a linear predictor of order 16 expects of each sample, int64 [B, T].

    `tokens` [B, T] are the samples one step late, `mel` [B, T / hop, bands] their frames.
    """
    bank = torch.from_numpy(filter_bank(config)).float()  # [bins, bands]
    power = 10 ** (2 * mel - 2) / bank.sum(0)
    spectrum = power @ (bank / bank.sum(1, keepdim=True).clamp(min=1e-6)).T  # [B, F, bins]
    angle = torch.linspace(0, torch.pi, spectrum.shape[-1])
    spectrum = spectrum * (1 + coefficient**2 - 2 * coefficient * angle.cos()) + 1e-9
    correlation = torch.fft.irfft(spectrum)[..., : _ORDER + 1].double()  # [B, F, order + 1]
    correlation = correlation * torch.exp(-0.5 * (0.006 * torch.arange(_ORDER + 1)) ** 2)
    correlation[..., 0] *= 1.0001
    lag = (torch.arange(_ORDER)[:, None] - torch.arange(_ORDER)).abs()
    filters = torch.linalg.solve(correlation[..., lag], correlation[..., 1:]).float()  # [B, F, order]
    past = F.pad(decode(tokens), (_ORDER - 1, 0)).unfold(1, _ORDER, 1).flip(-1)  # [B, T, order], newest first
    expected = (past * filters.repeat_interleave(config.hop, 1)).sum(-1)
    companded = (
        expected.sign() * torch.log1p(255 * expected.abs().clamp(max=1)) / torch.log(torch.tensor(256.0))
    )
    return ((companded + 1) / 2 * 255 + 0.5).long()

"""The variant for few streams, each as fast as it can be: several programs a stream, whose weights stay on chip."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from triton.compiler import ASTSource, CompiledKernel

from wavesynth.kernels.triton.kernel_config import KernelConfig, Launch, Prepared, Workspace, compile_kernel
from wavesynth.kernels.triton.network import PackedNetwork
from wavesynth.kernels.triton.persistent_kernel import persistent_kernel

__all__ = ["Persistent"]


@dataclass(frozen=True)
class Persistent(KernelConfig):
    """See `persistent_kernel`. Its samples are not those of the other variants, bit for bit.

    A CTA, one program of the launch, keeps the weights of some layers, or shares the head with others.
    """

    layers_per_cta: int = 4
    """Layers whose weights one CTA keeps."""
    head_ctas: int = 4
    """CTAs that share the skip sums, the hidden layer and the logits."""
    warps: int = 8

    @property
    def name(self) -> str:
        """Layers of a CTA, and CTAs of the head."""
        return f"persistent {self.layers_per_cta}+{self.head_ctas}"

    @property
    def options(self) -> dict[str, int | bool]:
        """The compiler's options."""
        return {"num_warps": self.warps, "launch_cooperative_grid": True}

    def fits(self, network: PackedNetwork) -> bool:
        """Whether a CTA's registers hold its part of the weights; not of a reversible network, with two streams."""
        small = network.residual_channels <= 64 and max(network.skip_channels, network.classes) <= 256
        return small and not network.reversible

    def layer_ctas(self, network: PackedNetwork) -> int:
        """CTAs that the layers are shared among."""
        return -(-network.layers // self.layers_per_cta)

    def programs(self, streams: int, network: PackedNetwork) -> int:
        """The CTAs of all streams."""
        return streams * (self.layer_ctas(network) + self.head_ctas)

    def constants(self, network: PackedNetwork) -> dict[str, int | bool]:
        """The kernel's compile-time arguments, except FORCED and APPROXIMATE."""
        r, s, a = network.residual_channels, network.skip_channels, network.classes
        return {
            **self.shape_constants(network),
            "LAYERS_PER_CTA": self.layers_per_cta,
            "LAYER_CTAS": self.layer_ctas(network),
            "HEAD_CTAS": self.head_ctas,
            "MAILBOX": (self.layer_ctas(network) + network.layers) * r + s + 2 * a,
            "R_LANES": min(self.warps // 2, r // 8),
            "HEAD_LANES": min(self.warps // 2, s // 8, a // 8, self.layers_per_cta * r // 8),
            "THREADS": self.warps * 32,
        }

    def prepare(self, workspace: Workspace, launch: Launch) -> Prepared:
        """The launch, before it is made."""
        net, streams, drawn = workspace.network, launch.streams, launch.no_samples()
        device, constants = net.embedding.device, self.constants(net)
        count, width = len(launch.slots), 2 * self.layers_per_cta * net.residual_channels
        mailbox = torch.zeros(count, constants["MAILBOX"], dtype=torch.int64, device=device)
        gate_input = torch.empty(count, constants["LAYER_CTAS"], width, device=device)

        def run(programs: range) -> None:
            persistent_kernel[(len(programs),)](
                net.embedding, net.past, net.current, net.residual, net.skip, net.skip_bias, net.hidden,
                net.hidden_bias, net.output, net.output_bias, net.table, streams.queues, streams.tokens,
                streams.indices, streams.seeds, streams.inverses, launch.slots, launch.conditioning,
                drawn if launch.forced is None else launch.forced, drawn,
                gate_input if launch.logits is None else launch.logits, mailbox, gate_input,
                launch.n, launch.conditioning.shape[1], programs.start, **self.launch_constants(net, launch),
            )  # fmt: skip

        return Prepared(drawn, (mailbox, gate_input), run)

    def compile(self, network: PackedNetwork, capability: int) -> CompiledKernel:
        """The kernel for GPUs of a compute capability such as 90, 9.0; no GPU is needed."""
        return compile_kernel(persistent_kernel, ASTSource, self, network, capability)

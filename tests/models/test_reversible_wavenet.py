"""A reversible WaveNet: the same causality, the gradients of stored activations, and memory that does not grow."""

import pytest
import torch
import torch.nn.functional as F

from wavesynth.models.wavenet import WaveNet, WaveNetConfig

SMALL = dict(stacks=2, layers_per_stack=3, residual=16, skip=32, classes=32, mel_bands=0, hop=5)


def model(stored=False, **changes):
    torch.manual_seed(0)
    return WaveNet(WaveNetConfig(**SMALL | {"reversible": True} | changes), stored=stored).double()


def inputs(net, frames=8, batch=2):
    c, generator = net.config, torch.Generator().manual_seed(1)
    tokens = torch.randint(c.classes, (batch, frames * c.hop), generator=generator)
    conditioning = torch.randn(
        batch, frames, c.layers, 2 * c.residual, dtype=torch.double, generator=generator
    )
    return tokens, conditioning.to(net.bias.dtype).requires_grad_()


def gradients(net, scales=None):
    tokens, conditioning = inputs(net)
    loss = F.cross_entropy(net(tokens, conditioning, scales).flatten(0, 1), tokens.flatten())
    loss.backward()
    return [loss.detach(), conditioning.grad, *(p.grad for n, p in net.named_parameters() if n != "bias")]


@pytest.mark.parametrize("changes", [{}, {"stacks": 1}, {"stacks": 1, "layers_per_stack": 1}], ids=str)
@pytest.mark.parametrize("rounds", [False, True])
def test_gradients_are_those_of_stored_activations(changes, rounds):
    net = model(**changes)
    scales = torch.full((net.config.layers, 2, 16), 20.0, dtype=torch.double) if rounds else None
    torch.testing.assert_close(gradients(net, scales), gradients(model(stored=True, **changes), scales))


def test_two_layers_are_a_reversible_block():
    net = model(stacks=1, layers_per_stack=2).requires_grad_(False)
    seen = []
    net.hidden.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    tokens, conditioning = inputs(net)
    net(tokens, conditioning)

    def part(index, x):
        past = F.pad(x, (0, 0, 2**index, 0))[:, : x.shape[1]]
        h = torch.cat([past, x], -1) @ net.dilated[index].T
        h = h + conditioning[:, :, index].repeat_interleave(net.config.hop, 1)
        z = torch.tanh(h[..., :16]) * torch.sigmoid(h[..., 16:])
        return z @ net.residual[index].T + net.residual_bias[index], z

    x1 = x2 = net.embedding(tokens)
    added, first = part(0, x2)  # y1 = x1 + F(x2); what G adds to x2 nobody reads
    _, second = part(1, x1 + added)
    expected = F.relu(net.skip(torch.cat([first, second], -1)))
    torch.testing.assert_close(seen[0], expected)


def test_it_is_causal_and_sees_as_far_as_any():
    net = model()
    embedded = torch.randn(1, 30, 16, dtype=torch.double)

    def logits(x):
        net.embedding.forward = lambda tokens: x
        return net(torch.zeros(1, 30, dtype=torch.long), inputs(net, 6, 1)[1])

    seen = torch.autograd.functional.jacobian(logits, embedded)[0, :, :, 0].abs().sum((1, 3)) > 0
    reach = torch.arange(30)[:, None] - torch.arange(30)
    assert torch.equal(seen, (reach >= 0) & (reach < net.config.receptive_field))


def kept_bytes(net):
    """Bytes that the graph of a loss keeps, but for parameters and what was given; each memory once."""
    tokens, conditioning = inputs(net, frames=100)
    own = {t.untyped_storage().data_ptr() for t in (*net.parameters(), tokens, conditioning)}
    memory = {}

    def pack(tensor):
        if (pointer := tensor.untyped_storage().data_ptr()) not in own:
            memory[pointer] = tensor.untyped_storage()  # held, so that nothing else is put there
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss = net(tokens, conditioning).square().sum()
    assert loss.requires_grad
    return sum(storage.nbytes() for storage in memory.values())


def test_what_is_kept_does_not_grow_with_layers():
    few, many = (kept_bytes(model(stacks=stacks)) for stacks in (2, 13))
    assert many == few
    assert many < kept_bytes(model(stacks=13, stored=True)) / 8
    assert many < kept_bytes(model(stacks=13, reversible=False)) / 8


@pytest.mark.gpu
def test_on_a_gpu_memory_does_not_grow_with_layers():
    def peak(stacks, **options):
        net = model(stacks=stacks, layers_per_stack=5, residual=64, skip=256, hop=160, **options)
        net = net.float().cuda()
        tokens, conditioning = (t.detach().cuda() for t in inputs(net, frames=100))
        before = torch.cuda.memory_allocated()
        loss = net(tokens, conditioning).square().mean()
        kept = torch.cuda.memory_allocated() - before
        loss.backward()
        return kept

    few, many = peak(1), peak(8)
    assert many < 1.05 * few
    assert many < peak(8, stored=True) / 8

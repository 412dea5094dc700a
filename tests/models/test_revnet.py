"""RevNet: the same training with and without stored activations, memory that does not grow, and in two processes."""

from multiprocessing import get_context

import pytest
import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from wavesynth.models.reversible import ReversibleBlock, ReversibleSequence
from wavesynth.models.revnet import RevNet, RevNetConfig

SMALL = RevNetConfig(dimensions=1, inputs=1, channels=8, blocks=(2, 2), classes=3, dropout=0.2)


def net(config=SMALL, **options):
    torch.manual_seed(0)
    return RevNet(config, **options).double()


def losses(model, steps=5):
    torch.manual_seed(1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    found = []
    for _ in range(steps):
        x, labels = torch.randn(4, 1, 24, dtype=torch.double), torch.randint(3, (4,))
        loss = F.cross_entropy(model(x), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    return found


def test_it_learns_as_it_does_with_stored_activations():
    assert losses(net()) == pytest.approx(losses(net(stored=True)), rel=1e-9)


def kept_bytes(model, x):
    """Bytes of what the graph keeps for the backward pass, but for parameters and buffers; each memory once."""
    own = {t.untyped_storage().data_ptr() for t in (*model.parameters(), *model.buffers())}
    memory = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            memory[storage.data_ptr()] = storage  # held, so that nothing else is put there
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        made = model(x)
    assert made.requires_grad
    return sum(storage.nbytes() for storage in memory.values())


def deep(blocks, **options):
    return net(RevNetConfig(dimensions=1, inputs=1, channels=16, blocks=(blocks,), classes=2), **options)


def test_what_is_kept_does_not_grow_with_depth():
    x = torch.randn(2, 1, 500, dtype=torch.double)
    few, many = kept_bytes(deep(3), x), kept_bytes(deep(20), x)
    assert many == few
    assert many < kept_bytes(deep(20, stored=True), x) / 20


@pytest.mark.gpu
def test_on_a_gpu_memory_does_not_grow_with_depth():
    def peak(blocks, **options):
        model = deep(blocks, **options).float().cuda()
        x = torch.randn(4, 1, 16_000, device="cuda")
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        loss = model(x).sum()
        kept = torch.cuda.memory_allocated() - before
        loss.backward()
        return kept, torch.cuda.max_memory_allocated() - before

    (few, few_peak), (many, many_peak) = peak(3), peak(20)
    assert many < 1.05 * few and many_peak < 1.1 * few_peak
    assert many < peak(20, stored=True)[0] / 8


def gradients_in_two(rank, meeting):
    """Those of a network in DistributedDataParallel, of which a block is used twice, and the network too."""
    dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=2)
    try:
        found = []
        for stored in (False, True):
            torch.manual_seed(0)
            parts = [nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5), nn.Tanh()) for _ in range(4)]
            blocks = [ReversibleBlock(*parts[:2]), ReversibleBlock(*parts[2:])]
            net = ReversibleSequence([*blocks, blocks[0]], stored=stored).double()
            both = DistributedDataParallel(net)
            for step in range(2):
                torch.manual_seed(10 * step + rank)
                both(both(torch.randn(4, 6, dtype=torch.double))).square().mean().backward()
            found.append([parameter.grad for parameter in net.parameters()])
        torch.testing.assert_close(*found)
        every = [None, None]
        dist.all_gather_object(every, found[0])
        return every
    finally:
        dist.destroy_process_group()


def test_two_processes_have_the_gradients_of_stored_activations(tmp_path):
    other = get_context("spawn").Process(target=gradients_in_two, args=(1, tmp_path / "meeting"), daemon=True)
    other.start()
    torch.testing.assert_close(*gradients_in_two(0, tmp_path / "meeting"), rtol=0, atol=0)
    other.join(60)
    assert other.exitcode == 0


def test_compiled_it_is_the_same():
    x = torch.randn(2, 1, 24, dtype=torch.double)
    model = net().eval()
    compiled = torch.compile(model, backend="eager")
    torch.testing.assert_close(compiled(x), model(x))


def test_what_cannot_be_is_named():
    with pytest.raises(ValueError, match="channels is 7; it must be even"):
        RevNetConfig(channels=7)
    with pytest.raises(ValueError, match=r"blocks is \(\); it must be whole numbers from 1 to 1000"):
        RevNetConfig(blocks=())
    with pytest.raises(ValueError, match=r"x has shape \[2, 2, 9\]; it must be \[B, 1, T\]"):
        net()(torch.zeros(2, 2, 9))

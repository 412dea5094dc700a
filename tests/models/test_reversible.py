"""Reversible blocks: the inverse, and gradients that are those of stored activations, whatever F and G are."""

import copy

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from wavesynth.models.reversible import ReversibleBlock, ReversibleSequence, Step, couple

WIDTH = 6


def part(*layers):
    return nn.Sequential(nn.Linear(WIDTH, 2 * WIDTH), nn.Tanh(), *layers, nn.Linear(2 * WIDTH, WIDTH))


def blocks(count, make=part):
    torch.manual_seed(0)
    return ReversibleSequence(ReversibleBlock(make(), make()) for _ in range(count)).double()


def stored(net):
    """The same network, all activations of which are kept."""
    other = copy.deepcopy(net)
    for module in other.modules():
        if isinstance(module, ReversibleSequence):
            module.stored = True
    return other


def batch(seed=1, **options):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(5, 2 * WIDTH, dtype=torch.double, generator=generator, **options)


def step(net, run=None, x=None):
    """The loss of one step, and the gradients of the input and of all parameters."""
    x = batch().requires_grad_() if x is None else x
    torch.manual_seed(7)
    loss = (run or (lambda net, x: net(x).square().sum()))(net, x)
    loss.backward()
    return [loss.detach(), x.grad, *(parameter.grad for parameter in net.parameters())]


def assert_like_stored(net, run=None, **tolerance):
    other = stored(net)
    torch.testing.assert_close(step(net, run), step(other, run), **tolerance)
    torch.testing.assert_close(net.state_dict(), other.state_dict(), **tolerance)


@pytest.mark.parametrize(("dtype", "largest"), [(torch.float32, 1e-5), (torch.float64, 1e-10)])
def test_the_inverse_gives_the_input_back(dtype, largest):
    net, x = blocks(20).to(dtype), batch().to(dtype)
    assert (net.inverse(net(x)) - x).abs().max() < largest


def test_a_block_is_the_reversible_block_of_equations_6_to_9():
    block = blocks(1).blocks[0]
    x1, x2 = batch().chunk(2, 1)
    y1, y2 = block(x1, x2)
    assert torch.equal(y1, x1 + block.f(x2))
    assert torch.equal(y2, x2 + block.g(y1))


def test_a_block_preserves_volume():
    net = blocks(3)
    jacobian = torch.autograd.functional.jacobian(lambda x: net(x[None])[0], batch()[0])
    torch.testing.assert_close(torch.linalg.det(jacobian), torch.ones((), dtype=torch.double))


def test_gradients_are_those_of_stored_activations():
    assert_like_stored(blocks(6))


def test_in_float32_gradients_are_those_of_stored_activations_to_the_last_bit():
    nets = [blocks(20).float(), stored(blocks(20)).float()]
    for one, two in zip(*(step(net, x=batch().float().requires_grad_()) for net in nets), strict=True):
        assert torch.equal(one, two)


def test_dropout_drops_the_same_when_it_is_computed_again():
    net = blocks(4, lambda: part(nn.Dropout(0.5)))
    assert_like_stored(net)
    step(net)
    after = torch.rand(1)
    step(stored(net))
    assert torch.equal(torch.rand(1), after), "the backward pass took some of the caller's random numbers"


def test_batch_norm_counts_each_batch_once():
    net = blocks(4, lambda: part(nn.BatchNorm1d(2 * WIDTH)))
    assert_like_stored(net)
    assert net.blocks[0].f[2].num_batches_tracked == 1


def test_what_a_norm_knew_in_the_forward_pass_counts_in_the_backward_pass():
    net = blocks(3, lambda: part(nn.BatchNorm1d(2 * WIDTH))).eval()
    expected = step(net)[1]
    x = batch().requires_grad_()
    loss = net(x).square().sum()
    net.train()(batch(2))  # running statistics move on
    net.eval()
    loss.backward()
    assert torch.equal(x.grad, expected)


def test_spectral_norm_is_where_it_was():
    def make():
        return nn.Sequential(nn.utils.parametrizations.spectral_norm(nn.Linear(WIDTH, WIDTH)), nn.Tanh())

    assert_like_stored(blocks(3, make))


def test_a_block_used_twice_gets_both_gradients():
    net = blocks(2, lambda: part(nn.Dropout(0.5), nn.BatchNorm1d(2 * WIDTH)))
    net.blocks.append(net.blocks[0])
    assert_like_stored(net)


def test_a_network_used_twice_in_one_graph_and_beside_its_input():
    def run(net, x):
        first = net(x.relu())
        return (first + net(first + x)).square().sum()

    assert_like_stored(blocks(3, lambda: part(nn.Dropout(0.5))), run)


def test_a_graph_that_is_kept_can_be_followed_again():
    def make():
        return nn.Sequential(
            nn.utils.parametrizations.spectral_norm(nn.Linear(WIDTH, WIDTH)), nn.Dropout(0.5)
        )

    net, x = blocks(3, make), batch().requires_grad_()
    loss = net(x).square().sum()
    loss.backward(retain_graph=True)
    once, x.grad = x.grad, None
    loss.backward()
    assert torch.equal(x.grad, once)


@pytest.mark.parametrize("reentrant", [True, False])
def test_checkpoints_around_and_inside(reentrant):
    class Inside(nn.Module):
        def __init__(self):
            super().__init__()
            self.part = part(nn.Dropout(0.5))

        def forward(self, x):
            return checkpoint(self.part, x, use_reentrant=False)

    def run(net, x):
        return checkpoint(net, x, use_reentrant=reentrant).square().sum()

    assert_like_stored(blocks(3, Inside), run)


def test_under_autocast_parts_compute_in_bfloat16_and_streams_in_float32():
    seen = []

    def run(net, x):
        with torch.autocast("cpu", torch.bfloat16):
            net.blocks[1].f[0].register_forward_hook(lambda module, given, made: seen.append(made.dtype))
            first = net(x.bfloat16())
            assert first.dtype == torch.float32
            beside = net.blocks[0].f(first[:, :WIDTH])  # the weights' copies in bfloat16 serve once more
            return net(first).square().sum() + beside.square().sum()

    net = blocks(3).float()
    other = stored(net)
    expected = step(other, run, batch().float().requires_grad_())
    got = step(net, run, batch().float().requires_grad_())
    assert set(seen) == {torch.bfloat16}
    for one, two in zip(got, expected, strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=0.02 * float(two.abs().max()))


def test_autocast_is_as_it_was_wherever_the_backward_pass_runs():
    net, x = blocks(3), batch().requires_grad_()
    loss = net(x).square().sum()
    with torch.autocast("cpu", torch.bfloat16):
        loss.backward()
    torch.testing.assert_close(x.grad, step(stored(net))[1])


def test_no_gradient_reaches_what_wants_none():
    net = blocks(3)
    net.blocks[1].requires_grad_(False)
    frozen = list(net.blocks[1].parameters())
    assert_like_stored(net)
    assert all(parameter.grad is None for parameter in frozen)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_steps_that_share_a_sum(count):
    torch.manual_seed(3)
    weights = [torch.randn(WIDTH, WIDTH, dtype=torch.double, requires_grad=True) for _ in range(count)]
    x1, x2 = (half.clone().requires_grad_() for half in batch().chunk(2, 1))
    steps = [Step(lambda x, w: (torch.tanh(x @ w), torch.sin(x @ w)), (w,)) for w in weights]
    found = []
    for keeps in (False, True):
        y1, y2, total = couple(steps, x1, x2, stored=keeps)
        found.append([total, *torch.autograd.grad((y1 * y2 + total**2).sum(), [x1, x2, *weights])])
        found[-1] += torch.autograd.grad(couple(steps, x1, x2, stored=keeps)[2].sum(), [x2, *weights])
    torch.testing.assert_close(*found)


def test_a_parameter_changed_before_the_backward_pass_is_refused():
    net = blocks(2)
    loss = net(batch()).sum()
    with torch.no_grad():
        net.blocks[0].f[0].weight.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_what_cannot_be_is_named():
    with pytest.raises(
        ValueError, match=r"x has shape \[2, 7\]; dimension 1, the channels, must be of even size"
    ):
        blocks(1)(torch.zeros(2, 7))
    with pytest.raises(ValueError, match="blocks is empty; there must be at least one"):
        blocks(0)
    with pytest.raises(ValueError, match="steps is empty"):
        couple([], *batch().chunk(2, 1))
    with pytest.raises(ValueError, match=r"x1 is .*\[5, 6\] and x2 .*\[5, 12\]; both streams must be alike"):
        couple(blocks(1).steps(), batch()[:, :WIDTH], batch())
    narrow = ReversibleSequence([ReversibleBlock(part(), nn.Linear(WIDTH, 1))]).double()
    with pytest.raises(
        ValueError, match=r"step 1 gives shape \[5, 1\]; it must be \[5, 6\], as its input is"
    ):
        narrow(batch())
    rash = ReversibleSequence([ReversibleBlock(nn.ReLU(inplace=True), part())]).double()
    with pytest.raises(ValueError, match="step 0 changes its input in place; it must not"):
        rash(batch())

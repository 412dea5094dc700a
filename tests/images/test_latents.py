"""Ways through a flow's latents begin and end at the images themselves."""

import pytest
import torch

from wavesynth.images.latents import along, attribute_of, decode, encode, network_with_latents, path
from wavesynth.images.model import ImageModel
from wavesynth.models.image_flows_config import NICEConfig, RealNVPConfig
from wavesynth.models.images import image_model
from wavesynth.models.nice import NICE
from wavesynth.models.pixels import ImageModelConfig
from wavesynth.models.realnvp import RealNVP
from wavesynth.networks import Network


@pytest.fixture(params=["nice", "realnvp"])
def flow(request):
    torch.manual_seed(1)
    size = {"height": 4, "width": 4, "channels": 3, "features": 8}
    network = (
        NICE(NICEConfig(layers=1, **size)) if request.param == "nice" else RealNVP(RealNVPConfig(**size))
    )
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    network.initialise(torch.rand(50, 4, 4, 3) * 256)
    return network.requires_grad_(False)


def images(count):
    return torch.randint(0, 256, (count, 4, 4, 3), generator=torch.Generator().manual_seed(2))


def test_an_encoded_image_is_decoded_as_it_was(flow):
    some = images(150)  # more than are encoded at once
    assert torch.equal(decode(flow, encode(flow, some)), some)


def test_a_way_has_its_ends_and_no_latent_shorter_than_both(flow):
    z = encode(flow, images(2))
    way = path(z[0], z[1], 7)
    assert torch.equal(decode(flow, way[[0, -1]]), images(2))
    lengths = way.norm(dim=1)
    assert float(lengths.min()) > 0.99 * float(z.norm(dim=1).min())


def test_a_way_between_the_same_latents_stays_there():
    z = torch.arange(1.0, 5)
    assert torch.allclose(path(z, z, 3), z.expand(3, 4))
    with pytest.raises(ValueError, match="steps is 1; it must be at least 2"):
        path(z, z, 1)


def test_an_attribute_is_the_difference_of_means(flow):
    some, wanted = images(10), torch.arange(10) < 4
    z = encode(flow, some)
    direction = attribute_of(flow, some, wanted)
    assert torch.allclose(direction, z[:4].mean(0) - z[4:].mean(0), atol=1e-5)
    assert torch.allclose(
        along(z[0], direction, 3), torch.stack([z[0], z[0] + direction / 2, z[0] + direction])
    )
    with pytest.raises(
        ValueError, match="images of the class is 0; it must be more than 0 and fewer than all 10"
    ):
        attribute_of(flow, some, wanted & ~wanted)


def test_a_kind_without_latents_is_refused():
    network = Network.of(image_model(ImageModelConfig(height=4, width=4, features=8, layers=1, hidden=8)))
    with pytest.raises(ValueError, match=r"model is x of kind pixelcnn, .* one of .*nice, .*realnvp"):
        network_with_latents(ImageModel("x", "", "", "", network, 0))

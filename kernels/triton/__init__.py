"""The sampler for NVIDIA GPUs, in Triton: n samples of many streams in one launch.

network             a WaveNet's weights as the kernel reads them: half precision, plain tensors
streams             the memory of many streams, in slots
reference           what the kernel computes, in plain PyTorch, with the kernel's signature
launch              `reference.advance` on a GPU
selection           which variant of the kernel is launched: by network, GPU and number of streams
kernel_config       what a variant has: whether it fits a network, how it is launched and compiled
tiled               the variant for any network and GPU; tiled_kernel, with layers, head and draw
warp_specialized    the same samples on a Hopper GPU, faster; warp_specialized_kernel, warp_specialized_consumer
persistent          the variant for few streams, each as fast as it can be; persistent_kernel
condition           the conditioning network of many frames at once
offline             compiling all variants with no GPU present: registers, shared memory, instructions
"""

from .cache import writable_cache

writable_cache()

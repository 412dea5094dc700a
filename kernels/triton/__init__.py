"""The sampler for NVIDIA GPUs, in Triton: n samples of many streams in one launch.

network     a WaveNet's weights as the kernel wants them: half precision, plain tensors
streams     the memory of many streams, in slots
reference   what the kernel computes, in plain PyTorch, with the kernel's signature
plans       how a launch is cut into programs, by the number of streams
launch      the launches themselves, with the reference's signature
sampler     the kernel: samples around layers; `layers`, `head` and `draw` are its parts
belt        the same samples on a Hopper GPU, faster: weights are always on their way
ring        another kernel, for one stream as fast as it can be
condition   the conditioning network of many frames at once
offline     compiling it with no GPU present: registers, shared memory, instructions
"""

from .cache import writable_cache

writable_cache()

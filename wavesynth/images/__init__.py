"""Models of images: what one is, and how images are sampled; those that ship are in shipped/."""

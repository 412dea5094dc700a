"""How good a voice is: how well it predicts, and how its copies of held-out recordings sound."""

"""Scripts behind the laboratory notes in docs/lab; none is installed. In the source: `python -m experiments.NAME`."""

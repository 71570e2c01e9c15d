"""The CDK code."""

import sys
from pathlib import Path

# The constructs write the environment of the functions with the records that the functions read it with. Those lie in
# folders of their own, which `cdk synth` must find in a bare checkout. They come last: the names of handlers, such as
# `widget`, never hide another module.
_CHECKOUT = Path(__file__).parents[1]
sys.path += [folder for name in ("layer", "lambdas") if (folder := str(_CHECKOUT / name)) not in sys.path]

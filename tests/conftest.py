"""Shapes and types are checked at run time under pytest only."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from jaxtyping import install_import_hook

install_import_hook("podium.networks", "beartype.beartype")
install_import_hook("podium.layers", "beartype.beartype")

"""The ImageNet table of this machine: what the networks cost and how fast they are::

    python pipelines/imagenet_table.py [FOLDER [OPTIONS]]

The page is FOLDER/reports/imagenet; no images are needed, and without a GPU it takes minutes. What errors the networks were
published with is on docs/catalogue/reference.md. Options are those of podium benchmark: --repeats 5.
"""

import sys

from steps import carry_out

NETWORKS = "alexnet,vgg16,googlenet,resnet18,resnet50,densenet121,mobilenet"
STEPS = (
    ("benchmark", f"network={NETWORKS}", "data=imagenet", "data.batch_size=8", "--out", "reports/imagenet", ...),
)  # fmt: skip

if __name__ == "__main__":
    sys.exit(carry_out(STEPS, sys.argv[1:]))

"""A folder of images as data modules look it through and load it."""

import torch

from podium.data.image_index import index_images
from podium.data.image_scan import scan_images


def index(root, below=(".",)):
    scan = scan_images(root, below=list(below))
    return scan, index_images(scan, name="some")


def all_inputs(data, split):
    loader = {"train": data.train_dataloader, "validation": data.val_dataloader, "test": data.test_dataloader}
    return torch.cat([batch.input for batch in loader[split]()])

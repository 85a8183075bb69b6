"""Random changes of training images, one file a kind: see ``Augmentation`` in podium.contracts."""

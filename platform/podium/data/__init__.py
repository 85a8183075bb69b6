"""Data sets: one LightningDataModule each, seeded splits, fingerprints."""

"""Get the data sets of the boards and studies ready, before a cluster's workers all ask for them at once::

    python pipelines/prepare_data.py [FOLDER [OVERRIDES]]

They go into FOLDER/datasets, or where paths.data=... says. Those that packages ship are made, others are downloaded.
"""

import sys

from steps import carry_out

STEPS = (
    ("data", "prepare", "data=digits", ...),
    ("data", "prepare", "data=mnist1d", ...),
    ("data", "prepare", "data=mnist5k", ...),
)

if __name__ == "__main__":
    sys.exit(carry_out(STEPS, sys.argv[1:]))

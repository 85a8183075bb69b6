"""Put every claim of conf/study to the test and write the book of studies::

    python pipelines/studies.py [FOLDER [OPTIONS]]

The book is FOLDER/reports/studies. Options are those of podium study: --concurrency 2.
"""

import sys

from steps import carry_out

STEPS = (("study", "all", ...),)

if __name__ == "__main__":
    sys.exit(carry_out(STEPS, sys.argv[1:]))

"""`python -m mm_hack`: see :mod:`mm_hack.main`."""

import sys

from mm_hack.main import main

if __name__ == "__main__":
    sys.exit(main())

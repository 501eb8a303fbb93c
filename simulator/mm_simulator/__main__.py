"""``python -m mm_simulator``."""

import sys

from mm_simulator.main import main

sys.exit(main())

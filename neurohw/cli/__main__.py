"""``python -m neurohw.cli``"""

import sys

from neurohw.cli import main

sys.exit(main())

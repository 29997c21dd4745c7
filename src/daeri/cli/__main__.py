"""`python -m daeri.cli`: the same as `daeri`, where the script is not on the path."""

import sys

from daeri.cli import main

sys.exit(main())

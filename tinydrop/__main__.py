"""``python -m tinydrop``."""

import sys

from tinydrop.cli import main

if __name__ == "__main__":
    sys.exit(main())

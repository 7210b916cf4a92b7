"""`python -m hare_pro`: says which license was found; exit code 1 if none that serves."""

import sys

from . import Unlicensed, describe, license

try:
    print(describe(license()))
except Unlicensed as error:
    sys.exit(str(error))

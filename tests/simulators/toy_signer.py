"""Start a real signer process that also reads the made-up family: python toy_signer.py --home ... --socket ..."""

import sys

from simulators.toy_family import TOY_FAMILIES

from custody.signers.__main__ import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], TOY_FAMILIES))

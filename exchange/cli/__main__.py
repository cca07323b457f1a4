"""python -m exchange.cli: the same as the command `mext`."""

from exchange.cli.main import main

main()

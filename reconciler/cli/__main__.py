"""`python -m reconciler.cli`: the same as the command `novaorch`."""

from reconciler.cli.main import main

main()

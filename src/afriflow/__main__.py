"""`python -m afriflow`."""

from afriflow.cli import main

main()

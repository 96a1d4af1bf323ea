"""The command line of neurosim: ``python main.py --help``."""

from neurosim.cli.main import main

if __name__ == "__main__":
    main()

"""``python -m groundtune`` is the command line."""

from groundtune.cli import main

if __name__ == "__main__":
    main()

"""One process of a training run: ``accelerate launch -m groundtune.training.generator JOB.json``."""

import sys

from groundtune.training.generator.launch import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

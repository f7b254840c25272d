"""``python -m facevalue`` is the command ``facevalue``."""

from facevalue.cli import main

if __name__ == "__main__":
    main(prog_name="facevalue")

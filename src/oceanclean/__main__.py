"""``python -m oceanclean`` is the command line."""

from oceanclean.cli import main

if __name__ == "__main__":
    main()

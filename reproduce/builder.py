"""The command line of jupyter-book, a little faster: ``python -m reproduce.builder``."""

import gc

from jupyter_book.cli.main import main

if __name__ == "__main__":
    # A page is a tree of many small objects that live until the page is written. Looking them
    # through for garbage as often as Python does by default takes a tenth of the time.
    gc.set_threshold(200_000, 50, 100)
    main()

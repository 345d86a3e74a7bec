"""The runner: notebooks to executed notebooks to ledger to book. Run ``python -m reproduce``."""

import sys

# jsonschema would compile dozens of grammars with this module, in seconds, for checks of web
# addresses that nothing here asks for. It does without if it cannot be imported.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]  # None is for this

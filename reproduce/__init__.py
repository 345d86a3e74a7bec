"""The runner: notebooks to executed notebooks to ledger to book. Run ``python -m reproduce``."""

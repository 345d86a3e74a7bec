"""Settings for all tests."""

from hypothesis import settings

# Derandomized: the same examples in every run, so a failure means that the code has changed.
settings.register_profile("reproducible", derandomize=True, deadline=None, database=None)
settings.load_profile("reproducible")

"""Everything up to tensors: pictures, splits, class vectors, features.

No module here imports torch at import time, except `datasets.seen` and `datasets.task`, which hold tensors.
"""

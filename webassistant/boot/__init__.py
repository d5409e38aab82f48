"""What `run.py` hands over to: the product's processes started, watched, stopped and saved.

It runs before Django and apart from it, so only `commands` reaches beyond the standard library.
"""

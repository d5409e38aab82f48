"""HTTP calls that an owner describes: schemas, templates, and what is kept; pure, without rows.

`organizations.calling` makes the call itself.
"""

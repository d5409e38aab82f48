"""Measurements; `make bench` runs them. They judge nothing: a person compares the figures."""

"""Tools for developing this project; nothing here runs in production."""

"""What the passages speak of: read from them, shown to the owner, followed from what was found."""

"""The small ASGI applications that are measured beside the product's own."""

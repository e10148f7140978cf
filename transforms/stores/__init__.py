"""Where collections live: the store protocol and its adapters."""

"""One file a verb; nothing but parse, call, print."""

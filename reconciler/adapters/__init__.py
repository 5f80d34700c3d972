"""One file, or folder, an outside system. They do not know each other."""

"""The shell: read everything once, think, act, tell. The only room that waits."""

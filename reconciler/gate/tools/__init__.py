"""What agents may ask of the gate by MCP: a table of tools, and who carries them out."""

"""What is shared with a remote: fetched into quarantine, pushed, never by force."""

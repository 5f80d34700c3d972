"""What a manifest may say: one file a kind."""

"""What manifests may say, and what becomes of them."""

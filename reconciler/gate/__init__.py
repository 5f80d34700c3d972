"""The loopback HTTP surface: what monitoring asks. Reads only; knows no adapter and no verb."""

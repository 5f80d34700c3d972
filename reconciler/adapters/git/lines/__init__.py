"""Where lines come from: blame in a lean clean room, and the story of each commit."""

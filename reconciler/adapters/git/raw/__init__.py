"""Work trees read raw, as git objects, beside whatever their repository is set to."""

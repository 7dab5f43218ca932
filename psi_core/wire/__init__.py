"""Generated from proto/ by `make wire`; nothing here is written by hand but this line."""

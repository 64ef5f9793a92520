"""Small, real defaults for the ports that a host may supply."""

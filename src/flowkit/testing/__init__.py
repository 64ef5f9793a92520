"""What hosts test with: recording ports, and what a new store is held against."""

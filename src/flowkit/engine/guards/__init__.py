"""What may keep a message from being sent, each in a module of its own."""

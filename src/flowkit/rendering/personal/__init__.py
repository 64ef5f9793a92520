"""What makes a message one for its reader: greetings, rules, blocks, predictions, recommendations; pure, from data."""

"""HTML as mail knows it: one scanner, and what is made of its tokens: contexts, plain text, links, a lint."""

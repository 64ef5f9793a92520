"""What a store is held against, a part of its protocol each; ``conformance`` puts them together."""

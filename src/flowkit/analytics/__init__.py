"""What the journal says: folds over its lines, and nothing else."""

"""What the business is worth, moves and takes in: each figure with its definition beside it."""

"""What several methods share: networks, sampling, losses, the training loop, closed-form solutions."""

"""What the three Jobs share: settings from the environment, log lines, their last word, and their clients."""

"""Understanding: from posts to sentiment, matches, baselines and tiers, as pure functions."""

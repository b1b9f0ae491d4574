"""Cases of the same incident, found while the caller speaks (R-HOT-01, R-HOT-02): words, nearness and time."""

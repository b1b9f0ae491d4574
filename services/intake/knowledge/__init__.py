"""What the hotline answers on the spot: entries that units keep current, and the search in them (R-HOT-15)."""

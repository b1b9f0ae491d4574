"""Files that residents and staff add to a case: judged by content, cleaned, encrypted, served with care."""

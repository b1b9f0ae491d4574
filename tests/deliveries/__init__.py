"""Many deliveries through a provider that fails, stalls and answers twice, by senders that are killed meanwhile."""

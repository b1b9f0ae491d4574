"""Takes a resident's matter in by any channel and publishes it as an event; personal data stays here."""

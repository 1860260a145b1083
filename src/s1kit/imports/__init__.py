"""Results that other tools wrote, as a run of this one: text without tokens (``exact`` is false), verdicts kept."""

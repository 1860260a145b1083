"""One HTTP client for every model server: ``post`` asks once, ``peer`` asks again, ``desk`` asks many at once."""

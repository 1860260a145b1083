"""Model calls: ``call`` says what one is, ``answering`` pays for each once; ``endpoint`` and ``local`` answer them."""

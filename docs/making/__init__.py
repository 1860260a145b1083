"""The pages of docs/reference/, each a module with ``page()``; ``make_reference`` writes and checks them."""

"""The paper's tables in miniature: cells of train and measure, each resumable, and the tables they make."""

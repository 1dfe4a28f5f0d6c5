"""One method a file: from a question and a summary to the process that bets against the null."""

"""Which system decides rightly, and how soon? One log of events, replayed into Segue and into its peers."""

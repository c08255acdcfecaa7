"""What a report shows: sentences, tables, plots and pictures."""

"""Files to rows: streams, lines, JSON, Parquet."""

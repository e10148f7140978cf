"""What things are: records, codes, ids, on-disk shapes. Imports nothing of ours."""

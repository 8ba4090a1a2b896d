"""What findings say to write instead: read as changes, made on a copy, and tried."""

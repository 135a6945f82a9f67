"""`./ops new`: the files of a job or a vendor, and the lines in files that there are already."""

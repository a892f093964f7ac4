"""The plan on paper: a brief of the whole plan and an assignment sheet a vessel, as PDF on A4, without a browser."""

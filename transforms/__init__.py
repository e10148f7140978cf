"""What is done to one element: thin PTransforms over plain functions that know nothing of Beam."""

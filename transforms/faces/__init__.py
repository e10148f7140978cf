"""From pixels to a vector: packs, detectors, recognisers, engines, alignment."""
